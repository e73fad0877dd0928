// Messages between the processes of one run: all that a library of communication has to provide. What is made of them
// stands in message_communicator.h.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace cofactor {

// A message on its way. Its memory must stay as it is until done() has returned true. One that is destroyed before may
// still read or write its memory.
class Message {
 public:
  virtual ~Message() = default;
  // Whether it has been sent, or received whole; does not wait. Throws Error where that has failed, and where the
  // message received is of another size than its memory.
  virtual bool done() = 0;
};

// The processes ("ranks") from 0 to size - 1, of which this one is rank(). Called by one thread, that which made it.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual std::string_view name() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Among the ranks on the same machine.
  virtual int local_rank() const = 0;
  virtual int local_size() const = 0;

  // Start a message. A receive takes the first message of that rank with that tag (0 to 32767) that no earlier one has
  // taken. Throw Error where the library refuses.
  virtual std::unique_ptr<Message> send(std::span<const std::byte> bytes, int to, int tag) = 0;
  virtual std::unique_ptr<Message> receive(std::span<std::byte> bytes, int from, int tag) = 0;

  // Ends the communication in order; all ranks call it, and no call follows. A rank that never does so, and whose
  // process ends, is taken for one that has failed.
  virtual void close() = 0;
};

}  // namespace cofactor
