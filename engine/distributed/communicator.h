// What the processes of one run, its ranks, do together: sums, copies to all, and waiting for one another.
//
// All ranks call the same operations in the same order, with the same sizes and types. An operation that has not ended
// by its deadline, as one does not where a rank has died or hangs, throws Error, which names the operation, this rank,
// the ranks that have not answered and the seconds waited. From then on the communicator is broken and each call
// throws: the process reports the error and ends, and whoever started the ranks ends the others.
//
// Sums are bitwise repeatable at a fixed number of ranks: every element is ((x_0 + x_1) + x_2) + ..., in the order of
// the ranks, whatever the sizes, the machines and the order in which messages arrive; and all ranks get the same bits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/tensor.h"

namespace cofactor {

struct CommunicatorOptions {
  // How long an operation may take, from the moment at which a rank waits for it. At least as long as one rank may work
  // while the others wait.
  std::chrono::duration<double> deadline = std::chrono::seconds(10);
  // Ends an operation that waits, with an Error.
  std::stop_token cancel{};
};

// Values that are summed over ranks in place, on the host. bf16 is sent in bf16, summed in f32 and rounded once.
struct SumBuffer {
  enum class Type : uint8_t { f32, f64, bf16, i64 };
  void* data = nullptr;
  int64_t count = 0;
  Type type = Type::f32;

  // Of float, double, bf16 or int64_t.
  template <class T>
  static SumBuffer of(std::span<T> values) {
    return {values.data(), static_cast<int64_t>(values.size()), type_of<T>()};
  }
  // Throws Error for another dtype, and where the tensor does not lie in the host's memory.
  static SumBuffer of(const Tensor& tensor);

  size_t element_size() const;
  std::string_view type_name() const;

 private:
  template <class T>
  static constexpr Type type_of() {
    if constexpr (std::is_same_v<T, float>) return Type::f32;
    if constexpr (std::is_same_v<T, double>) return Type::f64;
    if constexpr (std::is_same_v<T, bf16>) return Type::bf16;
    if constexpr (std::is_same_v<T, int64_t>) return Type::i64;
  }
};

// A sum that has started. Its values must not be touched before wait() has returned. Destroyed before, it breaks the
// communicator.
class PendingSum {
 public:
  virtual ~PendingSum() = default;
  // Throws Error at the deadline.
  virtual void wait() = 0;
};

class DeviceSums;

// Used by one thread, that which made it. Every function throws Error as said above.
class Communicator {
 public:
  virtual ~Communicator() = default;
  Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  // "single", "mpi" or "tcp".
  virtual std::string_view name() const = 0;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Among the ranks on this machine: to divide its cores and GPUs.
  virtual int local_rank() const = 0;
  virtual int local_size() const = 0;

  // Starts a sum and returns without waiting. Other operations may be called before it is waited for.
  virtual std::unique_ptr<PendingSum> start_all_reduce(const SumBuffer& values) = 0;
  // Does what can be done for sums that have started, without waiting.
  virtual void progress() = 0;
  // Copies the bytes of rank `root` to all.
  virtual void broadcast(std::span<std::byte> bytes, int root) = 0;
  // The bytes of every rank, by rank; ranks may give different numbers of them.
  virtual std::vector<std::vector<std::byte>> all_gather(std::span<const std::byte> bytes) = 0;
  // Returns once all ranks have called it.
  virtual void barrier() = 0;

  // Waits until `done` returns true, for something that all ranks take part in by other means than this communicator.
  // As in its own operations there is a deadline, sums under way go on, and an Error, be it of `done`, breaks the
  // communicator. `operation` begins the message.
  virtual void wait_for(const std::function<bool()>& done, const std::string& operation) = 0;

  // The deadline of the operations that follow, for a time in which ranks work alone. Throws Error unless it is above 0
  // and finite.
  virtual void set_deadline(std::chrono::duration<double> deadline) = 0;
  virtual std::chrono::duration<double> deadline() const = 0;

  // ---- the same for values and tensors

  // Sums in place.
  template <class T>
  void all_reduce(std::span<T> values) {
    start_all_reduce(SumBuffer::of(values))->wait();
  }
  // A tensor in f32, f64 or bf16, on any device: by the device's own sums where there are any (set_device_sums), else
  // through the host's memory, with the same bits.
  std::unique_ptr<PendingSum> start_all_reduce(const Tensor& tensor);
  void all_reduce(const Tensor& tensor) { start_all_reduce(tensor)->wait(); }
  // The sum of one number.
  int64_t all_reduce(int64_t value);
  // The values of rank `root`, any dtype and device.
  void broadcast(const Tensor& tensor, int root);
  // The text of rank `root`, of any length; the others' is replaced.
  void broadcast_text(std::string& text, int root);
  // The text of every rank, by rank.
  std::vector<std::string> all_gather_texts(std::string_view text);
  // The values of every rank, by rank.
  template <class T>
  std::vector<std::vector<T>> all_gather_values(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<std::vector<T>> all;
    for (const std::vector<std::byte>& bytes : all_gather(std::as_bytes(values))) {
      check(bytes.size() % sizeof(T) == 0, "all_gather: {} bytes are no values of {} bytes", bytes.size(), sizeof(T));
      all.emplace_back(bytes.size() / sizeof(T));
      std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(all.back().data()));
    }
    return all;
  }

  // Sums of the tensors of one device (engine/distributed/device_sums.h); null: through the host's memory. All ranks
  // set them together, when no sum is under way.
  void set_device_sums(std::shared_ptr<DeviceSums> sums) { device_sums_ = std::move(sums); }

 protected:
  // For the destructor of a class derived from this: closes the device's sums while the communicator still works.
  void close_device_sums(bool in_order) noexcept;

 private:
  std::shared_ptr<DeviceSums> device_sums_;
};

// While it lives, operations have another deadline: for a time in which one rank works alone and the others wait.
class DeadlineScope {
 public:
  DeadlineScope(Communicator& ranks, std::chrono::duration<double> deadline)
      : ranks_(ranks), before_(ranks.deadline()) {
    ranks.set_deadline(deadline);
  }
  ~DeadlineScope() { ranks_.set_deadline(before_); }
  DeadlineScope(const DeadlineScope&) = delete;
  DeadlineScope& operator=(const DeadlineScope&) = delete;

 private:
  Communicator& ranks_;
  std::chrono::duration<double> before_;
};

// Whether the tensors of a device lie in the host's memory.
bool uses_host_memory(Device device);

// The communicator of a process that is alone: rank 0 of 1. Every operation returns at once.
std::unique_ptr<Communicator> single_communicator();

// The communicator of the run that this process belongs to, from the environment (engine/distributed/launch.h): over
// MPI or TCP where a launcher has started several ranks, else that of a process alone. Throws Error where a launcher
// has started several ranks and they cannot reach each other (no MPI in this build, or another than the launcher's, and
// no MASTER_ADDR; a rank that does not start): such ranks would each run alone. At most once per process for several
// ranks.
std::unique_ptr<Communicator> make_communicator(const CommunicatorOptions& options = {});

}  // namespace cofactor
