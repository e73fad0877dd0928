// The base of layers and networks: named parameters, buffers and submodules.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/named_tensor.h"
#include "engine/random.h"
#include "layers/file_layout.h"

namespace cofactor {

class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  Tensor operator()(const Tensor& x) { return forward(x); }

  // This module's and all submodules' tensors, named by path: "conv1.weight". Handles: writing to them writes the
  // module's. Parameters are trained; buffers (running statistics) are only saved.
  std::vector<NamedTensor> parameters() const;
  std::vector<NamedTensor> buffers() const;

  // Training or evaluation, for this module and all below: dropout and batch norm differ.
  void train(bool training = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  // Whether this module and all below compute in bf16: activations, and the copies of f32 parameters that meet them.
  // Parameters, their gradients, statistics and what a network returns stay f32.
  void compute_in_bf16(bool on = true);

  // Names the random draws of the next forward: dropout masks depend on the seed, the step and the layer's place alone.
  void set_random(uint64_t seed, uint64_t step);

  // Copies of all parameters and buffers in PyTorch's layout, on the host, ready for save_safetensors; and back.
  // load_state throws Error where a name is missing, unknown, or has another shape or dtype, and then changes nothing.
  std::vector<NamedTensor> state() const;
  void load_state(const std::vector<NamedTensor>& state);

 protected:
  // Registration, in the order of the constructor. The tensors are leaves on the module's device; a parameter is set to
  // require a gradient. Throws Error for a name that is empty, has a dot or is taken, and for a null or undefined one.
  Tensor register_parameter(std::string name, Tensor tensor, FileLayout layout = {});
  Tensor register_buffer(std::string name, Tensor tensor);
  template <class M>
  std::shared_ptr<M> register_module(const std::string& name, std::shared_ptr<M> module) {
    add_child(name, module);
    return module;
  }
  // The key of this layer's draws in this step.
  RandomKey random_key(Purpose purpose) const;
  bool computes_in_bf16() const { return bf16_; }
  // A network's images as its first layer takes them, and its logits as a loss does: through bf16 where it computes so.
  Tensor enter(const Tensor& x) const;
  Tensor leave(const Tensor& logits) const;

 private:
  struct Entry {
    std::string name;
    Tensor tensor;
    FileLayout layout;
  };
  void add_child(std::string name, std::shared_ptr<Module> module);
  void check_new_name(const std::string& name) const;
  // Visits this module (or const Module) and all below, depth first, with the path of each ("", "conv1.").
  template <class Self, class Visit>
  static void visit(Self& self, const std::string& prefix, const Visit& visitor);

  std::vector<Entry> parameters_, buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
  bool training_ = true, bf16_ = false;
  uint64_t seed_ = 0, step_ = 0;
  uint32_t index_ = 0;  // this module's place in the walk: numbers its random draws
};

}  // namespace cofactor
