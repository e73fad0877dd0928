#include "engine/distributed/communicator.h"

#include <cstdlib>
#include <utility>

#include "engine/device_features.h"
#include "engine/distributed/device_sums.h"
#include "engine/distributed/launch.h"
#include "engine/distributed/message_communicator.h"
#include "engine/distributed/tcp/transport.h"
#include "engine/distributed/transport_module.h"
#include "engine/module_file.h"

namespace cofactor {

namespace {

constexpr const char* kMpiModule = "cofactor_mpi";

// A process without others. Messages are never asked for.
class NoTransport : public Transport {
 public:
  std::string_view name() const override { return "single"; }
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int local_rank() const override { return 0; }
  int local_size() const override { return 1; }
  std::unique_ptr<Message> send(std::span<const std::byte>, int to, int) override {
    fail("ranks: a message to rank {} from a process that is alone", to);
  }
  std::unique_ptr<Message> receive(std::span<std::byte>, int from, int) override {
    fail("ranks: a message from rank {} to a process that is alone", from);
  }
  void close() override {}
};

SumBuffer::Type sum_type(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::f32: return SumBuffer::Type::f32;
    case DType::f64: return SumBuffer::Type::f64;
    case DType::bf16: return SumBuffer::Type::bf16;
    default: fail("all_reduce: a tensor of shape {} is {}, expected a floating dtype", tensor.shape(), tensor.dtype());
  }
}

// A sum of a copy on the host.
class CopiedSum : public PendingSum {
 public:
  CopiedSum(Tensor values, Tensor copy, std::unique_ptr<PendingSum> sum)
      : values_(std::move(values)), copy_(std::move(copy)), sum_(std::move(sum)) {}
  void wait() override {
    sum_->wait();
    if (!std::exchange(copied_, true)) values_.copy_from(copy_);
  }

 private:
  const Tensor values_, copy_;
  const std::unique_ptr<PendingSum> sum_;
  bool copied_ = false;
};

}  // namespace

bool uses_host_memory(Device device) {
  return !features_of(device).free_memory().has_value();
}

SumBuffer SumBuffer::of(const Tensor& tensor) {
  check(tensor.defined(), "all_reduce: the tensor is undefined");
  const Type type = sum_type(tensor);
  check(uses_host_memory(tensor.device()), "all_reduce: a tensor of shape {} is on {}, expected the host's memory",
        tensor.shape(), tensor.device());
  return {tensor.raw_data(), tensor.numel(), type};
}

size_t SumBuffer::element_size() const {
  switch (type) {
    case Type::f32: return sizeof(float);
    case Type::bf16: return sizeof(bf16);
    case Type::f64:
    case Type::i64: return sizeof(double);
  }
  return 0;
}

std::string_view SumBuffer::type_name() const {
  switch (type) {
    case Type::f32: return "f32";
    case Type::f64: return "f64";
    case Type::bf16: return "bf16";
    case Type::i64: return "i64";
  }
  return "?";
}

std::unique_ptr<PendingSum> Communicator::start_all_reduce(const Tensor& tensor) {
  check(tensor.defined(), "all_reduce: the tensor is undefined");
  sum_type(tensor);
  if (device_sums_ && device_sums_->device() == tensor.device()) return device_sums_->start(tensor);
  if (uses_host_memory(tensor.device())) return start_all_reduce(SumBuffer::of(tensor));
  const Tensor host = tensor.to(kHost);
  return std::make_unique<CopiedSum>(tensor.detach(), host, start_all_reduce(SumBuffer::of(host)));
}

void Communicator::broadcast_text(std::string& text, int root) {
  int64_t size = std::ssize(text);
  broadcast(std::as_writable_bytes(std::span(&size, 1)), root);
  text.resize(static_cast<size_t>(size));
  broadcast(std::as_writable_bytes(std::span(text)), root);
}

std::vector<std::string> Communicator::all_gather_texts(std::string_view text) {
  std::vector<std::string> texts;
  for (const std::vector<char>& own : all_gather_values(std::span<const char>(text))) {
    texts.emplace_back(own.begin(), own.end());
  }
  return texts;
}

void Communicator::close_device_sums(bool in_order) noexcept {
  try {
    if (device_sums_) device_sums_->close(in_order);
  } catch (const Error&) {  // the communicator is broken by it
  }
}

int64_t Communicator::all_reduce(int64_t value) {
  all_reduce(std::span(&value, 1));
  return value;
}

void Communicator::broadcast(const Tensor& tensor, int root) {
  check(tensor.defined(), "broadcast: the tensor is undefined");
  const bool on_host = uses_host_memory(tensor.device());
  const Tensor host = on_host ? tensor : tensor.to(kHost);
  broadcast({static_cast<std::byte*>(host.raw_data()), host.nbytes()}, root);
  if (!on_host) tensor.copy_from(host);
}

std::unique_ptr<Communicator> single_communicator() {
  return std::make_unique<MessageCommunicator>(std::make_unique<NoTransport>(), CommunicatorOptions{});
}

std::unique_ptr<Communicator> make_communicator(const CommunicatorOptions& options) {
  const Launch launch = read_launch([](const char* name) { return std::getenv(name); });
  if (launch.size == 1) return std::make_unique<MessageCommunicator>(std::make_unique<NoTransport>(), options);
  if (transport_of(launch, has_module(kMpiModule)) == TransportKind::tcp) {
    return std::make_unique<MessageCommunicator>(make_tcp_transport(launch), options);
  }
  const auto& module =
      *static_cast<const TransportModule*>(open_module_object(kMpiModule, "cofactor_transport_module", "ranks"));
  return std::make_unique<MessageCommunicator>(module.make(launch), options);
}

}  // namespace cofactor
