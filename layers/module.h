// The base class of layers and networks: named parameters, buffers and submodules, as torch.nn.Module.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/named_tensor.h"
#include "engine/random.h"
#include "layers/file_layout.h"

namespace cofactor {

class Communicator;

class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  // forward, in bf16 with the copies of all weights made at once.
  Tensor operator()(const Tensor& x);

  // The tensors of this module and of all submodules, named by path: "conv1.weight". They are handles: writing to them
  // changes the module. Parameters are trained; buffers, such as running statistics, are only saved.
  std::vector<NamedTensor> parameters() const;
  std::vector<NamedTensor> buffers() const;

  // Sets training or evaluation mode, which dropout and batch norm depend on, in this module and all submodules.
  void train(bool training = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  // Whether this module and all submodules compute in bf16: activations are bf16, and so are the copies of parameters
  // that ops compute with. Parameters, gradients, running statistics and the logits of a network remain f32.
  void compute_in_bf16(bool on = true);

  // Sets the random streams of the next forward. Dropout masks depend only on the seed, the step, the position of the
  // layer in the network, and the sample's number in the batch: the inputs are samples first_sample, first_sample + 1,
  // ... of it. So ranks that share out a batch draw the masks of one process with the whole batch. Throws Error for a
  // first sample below 0.
  void set_random(uint64_t seed, uint64_t step, int64_t first_sample = 0);

  // Whether the batch norms of this module and of all submodules take the statistics of the batch over all ranks when
  // they train (engine/distributed/synchronised_batch_norm.h); null: those of this process's samples, as it is at
  // first. `ranks` must live as long as it is set, and until the backward of the last forward has passed. All ranks
  // call the same forwards and backwards.
  void synchronise_batch_norm(Communicator* ranks);

  // Counts a forward of which a device has replayed the kernels, as forward itself counts: in num_batches_tracked.
  void count_replay();

  // Copies of all parameters and buffers, on the host and in PyTorch's layout, as save_safetensors takes them.
  std::vector<NamedTensor> state() const;
  // Sets all parameters and buffers from such copies, on any device. Throws Error if a tensor is missing, unknown,
  // given twice, or has another shape or dtype; then nothing is changed.
  void load_state(const std::vector<NamedTensor>& state);

 protected:
  // What forward counts on the host, beside its kernels.
  virtual void count_forward() {}
  // Register a tensor or submodule, and return it. They are listed in the order of registration. A parameter is set to
  // require a gradient. Throws Error if the name is empty, contains a dot or is taken, if the tensor is undefined or
  // the module null, and if the layout does not fit the tensor.
  Tensor register_parameter(std::string name, Tensor tensor, FileLayout layout = {});
  // A parameter of which ops read a copy in the activations' dtype: a factor of a product or a convolution.
  Tensor register_weight(std::string name, Tensor tensor, FileLayout layout = {});
  Tensor register_buffer(std::string name, Tensor tensor);
  template <class M>
  std::shared_ptr<M> register_module(const std::string& name, std::shared_ptr<M> module) {
    add_child(name, module);
    return module;
  }
  // The random stream of this layer in this step.
  RandomKey random_key(Purpose purpose) const;
  int64_t first_sample() const { return first_sample_; }
  bool computes_in_bf16() const { return bf16_; }
  // Null where statistics are those of this process's samples.
  Communicator* batch_norm_ranks() const { return batch_norm_ranks_; }
  // For networks: the input cast to bf16 if the network computes in bf16, and the logits cast back to f32.
  Tensor cast_input(const Tensor& x) const;
  Tensor cast_logits(const Tensor& logits) const;

 private:
  struct Entry {
    std::string name;
    Tensor tensor;
    FileLayout layout;
    bool is_weight = false;
  };
  void add_child(std::string name, std::shared_ptr<Module> module);
  void check_new_name(const std::string& name) const;
  // Visits this module and all submodules, depth first, with the path of each ("", "conv1.").
  template <class Self, class Visit>
  static void visit(Self& self, const std::string& prefix, const Visit& visitor);

  std::vector<Entry> parameters_, buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
  bool training_ = true, bf16_ = false;
  uint64_t seed_ = 0, step_ = 0;
  int64_t first_sample_ = 0;
  Communicator* batch_norm_ranks_ = nullptr;
  uint32_t index_ = 0;  // position in the order of visits: the index of its random stream
};

}  // namespace cofactor
