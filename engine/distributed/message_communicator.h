// The communicator that is made of messages (engine/distributed/transport.h).
//
// A sum takes two rounds. Every rank owns a part of the elements: it receives that part from all others, adds them up
// in the order of the ranks, and sends the sum to all. Per rank and for n ranks that is 2 (n - 1) / n of the bytes, as
// much as a ring, in 2 (n - 1) messages. The order of the additions is thereby in this file alone; MPI_Allreduce has it
// depend on sizes and machines, and MPI's standard only recommends that it be repeatable (MPI 3.1, section 5.9.1).
#pragma once

#include <functional>
#include <string>

#include "engine/distributed/communicator.h"
#include "engine/distributed/transport.h"

namespace cofactor {

class MessageCommunicator : public Communicator {
 public:
  // Throws Error unless the deadline is above 0 and finite.
  MessageCommunicator(std::unique_ptr<Transport> transport, const CommunicatorOptions& options);
  // Waits for all ranks and closes the transport, unless the communicator is broken or an exception is on its way: then
  // the process is to end without, so that the launcher ends the other ranks.
  ~MessageCommunicator() override;

  std::string_view name() const override { return transport_->name(); }
  int rank() const override { return transport_->rank(); }
  int size() const override { return transport_->size(); }
  int local_rank() const override { return transport_->local_rank(); }
  int local_size() const override { return transport_->local_size(); }

  std::unique_ptr<PendingSum> start_all_reduce(const SumBuffer& values) override;
  void progress() override;
  void broadcast(std::span<std::byte> bytes, int root) override;
  std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) override;
  void barrier() override;
  void wait_for(const std::function<bool()>& done, const std::string& operation) override;
  void set_deadline(std::chrono::duration<double> deadline) override;
  std::chrono::duration<double> deadline() const override { return options_.deadline; }

 private:
  // Memory that messages of a sum write to, by rank. Where the communicator breaks it is never given back, since a
  // message that is under way may still write to it.
  using Staging = std::vector<std::vector<std::byte>>;
  class Sum;
  class Pending;
  struct Round;

  int next_tag();
  void meet(int tag, const std::string& operation);
  // Starts a message of a round with another rank.
  void send(Round& round, std::span<const std::byte> bytes, int to, int tag);
  void receive(Round& round, std::span<std::byte> bytes, int from, int tag);
  // Waits until the round has ended, and gives the sums under way their turns meanwhile.
  void wait_for_round(Round& round, const std::string& operation);
  bool ends_in_order() const;
  // `silent`: the ranks that have not answered, where they are known.
  void wait_until(const std::function<bool()>& done, const std::function<std::vector<int>()>& silent,
                  const std::string& operation);
  void check_usable(const std::string& operation) const;
  // Calls `act`, and breaks the communicator where it throws.
  template <class F>
  auto guarded(const std::string& operation, F&& act);
  void add_up(Sum& sum) const;
  bool advance(Sum& sum);

  std::unique_ptr<Transport> transport_;
  CommunicatorOptions options_;
  std::vector<std::shared_ptr<Sum>> sums_;  // under way, in the order of their starts
  std::vector<Staging> spare_;              // of sums that are done: new memory costs more than the sum
  std::string broken_by_;                   // the message of the error that broke it
  int exceptions_;                          // that were on their way when it was made
  bool shares_cores_;                       // more ranks than cores on this machine
  unsigned operations_ = 0;
};

}  // namespace cofactor
