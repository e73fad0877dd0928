// The connection of this rank with another one: the messages of both directions (engine/distributed/tcp/frame.h).
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/distributed/tcp/frame.h"
#include "engine/distributed/tcp/socket.h"

namespace cofactor::tcp {

// A message that is sent or received.
struct Transfer {
  const std::byte* source = nullptr;  // of one that is sent
  std::byte* target = nullptr;        // of one that is received
  size_t bytes = 0;
  bool done = false;
};

// Nothing here waits, and no function throws for what the other rank or the network does: then the link has failed,
// which failure() says, and the messages that are not done never will be.
class Link {
 public:
  // `who` is the other rank in messages: "rank 1 on host b".
  Link(Socket socket, std::string who);

  void send(uint32_t tag, const std::shared_ptr<Transfer>& transfer);
  void receive(uint32_t tag, const std::shared_ptr<Transfer>& transfer);
  // Writes and reads what goes without waiting.
  void serve();
  // Says that nothing follows.
  void say_bye();

  // Empty, or why the connection cannot be used any more.
  const std::string& failure() const { return failure_; }
  // Whether the other rank has ended in order. Messages that are not done then never will be.
  bool has_ended() const { return bye_received_; }
  // Whether all that was to be sent has been given to the system.
  bool is_flushed() const { return out_.empty(); }
  const std::string& who() const { return who_; }
  int fd() const { return socket_.fd(); }

 private:
  // What is to be written: a frame, and the bytes of its message.
  struct Outgoing {
    Frame frame;
    std::shared_ptr<Transfer> transfer;
    size_t written = 0;  // of both together
    size_t bytes() const { return sizeof(Frame) + (transfer ? transfer->bytes : 0); }
  };
  // A message that nobody has asked for, or that nobody had asked for when it began.
  struct Arrival {
    size_t bytes = 0;
    bool announced = false, whole = false;
    std::vector<std::byte> buffer;        // of a small one
    std::shared_ptr<Transfer> asked_for;  // by now
  };
  // Where the bytes that are read go.
  struct Current {
    Frame frame;
    std::byte* target = nullptr;
    size_t left = 0;
    std::shared_ptr<Transfer> transfer;  // null: into the arrival
  };

  void enqueue(FrameKind kind, uint32_t tag, uint64_t ordinal, size_t bytes, std::shared_ptr<Transfer> transfer = {});
  void write();
  void written(size_t bytes);
  bool read();
  void parse();
  void take(const Frame& frame);
  void take_message(const Frame& frame);
  void take_announcement(const Frame& frame);
  void take_ready(const Frame& frame);
  void finish_current();
  void give(uint64_t key, Arrival& arrival, Transfer& transfer);
  void taken(size_t bytes);
  bool fits(const Transfer& transfer, size_t bytes);
  void break_protocol(const std::string& what);
  void break_by_system(int error);

  Socket socket_;
  std::string who_, failure_;
  int write_error_ = 0;
  bool bye_received_ = false;

  std::deque<Outgoing> out_;
  std::vector<uint32_t> sent_, asked_;                               // messages by tag, in both directions
  std::unordered_map<uint64_t, std::shared_ptr<Transfer>> waiting_;  // to be sent once the receiver is ready
  std::unordered_map<uint64_t, size_t> early_ready_;  // bytes that the receiver is ready for before they are sent
  size_t on_credit_ = 0;                              // cost of small messages that the receiver has not taken

  std::vector<std::byte> staging_;  // read and not yet parsed
  size_t staged_ = 0;
  Current current_;
  std::unordered_map<uint64_t, std::shared_ptr<Transfer>> posted_;
  std::unordered_map<uint64_t, Arrival> arrivals_;
  size_t held_ = 0, owed_ = 0;  // cost of small messages in arrivals_, and of those taken and not yet reported
};

}  // namespace cofactor::tcp
