#include "layers/module.h"

#include <algorithm>
#include <map>

#include "engine/compute_copies.h"
#include "engine/error.h"
#include "engine/ops/elementwise.h"

namespace cofactor {

template <class Self, class Visit>
void Module::visit(Self& self, const std::string& prefix, const Visit& visitor) {
  visitor(prefix, self);
  for (const auto& [name, child] : self.children_) visit<Self>(*child, prefix + name + ".", visitor);
}

Tensor Module::operator()(const Tensor& x) {
  if (!bf16_ || ComputeCopies::active()) return forward(x);
  std::vector<Tensor> weights;
  visit(*this, "", [&](const std::string&, const Module& module) {
    for (const Entry& entry : module.parameters_)
      if (entry.is_weight) weights.push_back(entry.tensor);
  });
  const ComputeCopies copies(weights, DType::bf16);
  return forward(x);
}

std::vector<NamedTensor> Module::parameters() const {
  std::vector<NamedTensor> result;
  visit(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const Entry& entry : module.parameters_) result.push_back({prefix + entry.name, entry.tensor});
  });
  return result;
}

std::vector<NamedTensor> Module::buffers() const {
  std::vector<NamedTensor> result;
  visit(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const Entry& entry : module.buffers_) result.push_back({prefix + entry.name, entry.tensor});
  });
  return result;
}

void Module::train(bool training) {
  visit(*this, "", [training](const std::string&, Module& module) { module.training_ = training; });
}

void Module::compute_in_bf16(bool on) {
  visit(*this, "", [on](const std::string&, Module& module) { module.bf16_ = on; });
}

Tensor Module::cast_input(const Tensor& x) const {
  return bf16_ ? cast(x, DType::bf16) : x;
}

Tensor Module::cast_logits(const Tensor& logits) const {
  return bf16_ ? cast(logits, DType::f32) : logits;
}

void Module::set_random(uint64_t seed, uint64_t step, int64_t first_sample) {
  check(first_sample >= 0, "set_random: the first sample has number {}, expected at least 0", first_sample);
  uint32_t next = 0;
  visit(*this, "", [&](const std::string&, Module& module) {
    module.seed_ = seed;
    module.step_ = step;
    module.first_sample_ = first_sample;
    module.index_ = next++;
  });
}

void Module::synchronise_batch_norm(Communicator* ranks) {
  visit(*this, "", [ranks](const std::string&, Module& module) { module.batch_norm_ranks_ = ranks; });
}

void Module::count_replay() {
  visit(*this, "", [](const std::string&, Module& module) { module.count_forward(); });
}

std::vector<NamedTensor> Module::state() const {
  std::vector<NamedTensor> result;
  visit(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const auto* entries : {&module.parameters_, &module.buffers_})
      for (const Entry& entry : *entries)
        result.push_back({prefix + entry.name, to_file_layout(entry.tensor, entry.layout)});
  });
  return result;
}

void Module::load_state(const std::vector<NamedTensor>& state) {
  std::map<std::string, Tensor> given;
  for (const auto& [name, tensor] : state) {
    check(tensor.defined(), "load_state: '{}' is undefined", name);
    check(given.emplace(name, tensor).second, "load_state: '{}' is given twice", name);
  }

  // Everything is checked and converted before the first tensor is changed.
  std::vector<std::pair<Tensor, Tensor>> copies;  // to, from
  visit(*this, "", [&](const std::string& prefix, const Module& module) {
    for (const auto* entries : {&module.parameters_, &module.buffers_}) {
      for (const auto& [name, tensor, layout, is_weight] : *entries) {
        const auto found = given.find(prefix + name);
        check(found != given.end(), "load_state: '{}' is missing", prefix + name);
        const Tensor& source = found->second;
        const Shape shape = file_shape(tensor.shape(), layout);
        check(source.shape() == shape && source.dtype() == tensor.dtype(),
              "load_state: '{}' has shape {} in {}, expected {} in {}", prefix + name, source.shape(), source.dtype(),
              shape, tensor.dtype());
        copies.emplace_back(tensor, from_file_layout(source, tensor.shape(), layout));
        given.erase(found);
      }
    }
  });
  check(given.empty(), "load_state: this network has no tensor '{}'", given.empty() ? "" : given.begin()->first);
  for (const auto& [to, from] : copies) to.copy_from(from);
}

Tensor Module::register_parameter(std::string name, Tensor tensor, FileLayout layout) {
  check_new_name(name);
  check(tensor.defined(), "register_parameter: '{}' is undefined", name);
  file_shape(tensor.shape(), layout);  // throws if they do not fit
  tensor.set_requires_grad(true);
  parameters_.push_back({std::move(name), tensor, layout});
  return tensor;
}

Tensor Module::register_weight(std::string name, Tensor tensor, FileLayout layout) {
  const Tensor registered = register_parameter(std::move(name), std::move(tensor), layout);
  parameters_.back().is_weight = true;
  return registered;
}

Tensor Module::register_buffer(std::string name, Tensor tensor) {
  check_new_name(name);
  check(tensor.defined(), "register_buffer: '{}' is undefined", name);
  buffers_.push_back({std::move(name), tensor, {}});
  return tensor;
}

void Module::add_child(std::string name, std::shared_ptr<Module> module) {
  check_new_name(name);
  check(module != nullptr, "register_module: '{}' is null", name);
  children_.emplace_back(std::move(name), std::move(module));
}

RandomKey Module::random_key(Purpose purpose) const {
  return {.seed = seed_, .purpose = purpose, .index = index_, .step = step_};
}

void Module::check_new_name(const std::string& name) const {
  check(!name.empty() && name.find('.') == std::string::npos, "module: the name '{}' is empty or contains a dot", name);
  const bool taken = std::ranges::find(parameters_, name, &Entry::name) != parameters_.end() ||
                     std::ranges::find(buffers_, name, &Entry::name) != buffers_.end() ||
                     std::ranges::any_of(children_, [&](const auto& child) { return child.first == name; });
  check(!taken, "module: the name '{}' is already taken", name);
}

}  // namespace cofactor
