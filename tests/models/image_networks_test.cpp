// ResNet and VGG: sizes, errors, initial weights, dropout, bf16, networks by name, and the gradients of whole networks.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "engine/autograd.h"
#include "losses/cross_entropy.h"
#include "models/make_network.h"
#include "tests/fixtures/errors.h"
#include "tests/gradient_check.h"
#include "tests/models/logits_and_gradients.h"

namespace cofactor::testing {

namespace {

Tensor colour_images(const Shape& shape, Device device) {
  return Tensor::from(random_values<float>(shape.numel(), 1), shape, device);
}

ResNetOptions small_resnet(bool bottleneck, ResNetStem stem) {
  return {.blocks = {1, 1, 1, 1}, .bottleneck = bottleneck, .classes = 3, .stem = stem, .width = 4};
}

VggOptions small_vgg(VggHead head) {
  return {.depth = 11, .classes = 3, .head = head, .image_height = 64, .image_width = 32, .width = 4, .hidden = 8};
}

double deviation_of(const Tensor& tensor) {
  double squares = 0.0;
  for (const float value : tensor.to_vector<float>()) squares += value * value;
  return std::sqrt(squares / static_cast<double>(tensor.numel()));
}

// Checks the gradient of the cross entropy with respect to every parameter and the images against central differences.
void check_model_gradients(Module& model, const Shape& shape, double tolerance) {
  model.set_random(1, 1);
  std::vector<int32_t> classes;
  for (int64_t n = 0; n < shape[0]; ++n) classes.push_back(static_cast<int32_t>(n % 3));
  const Tensor labels = Tensor::from(classes, {shape[0]}, Device::reference);
  Tensor images = random_tensor(shape, 1);
  images.set_requires_grad(true);
  std::vector<NamedTensor> inputs = model.parameters();
  inputs.push_back({"images", images});
  check_network_gradients([&] { return cross_entropy(model(images), labels); }, inputs, tolerance);
}

// The relative distance between the logits and gradients in bf16 and those in f32, taken together.
double bf16_distance(Module& model, const Shape& shape, Device device) {
  const Tensor x = colour_images(shape, device);
  const Tensor labels = Tensor::from(std::vector<int32_t>(static_cast<size_t>(shape[0]), 1), {shape[0]}, device);
  model.eval();  // in training, the statistics of the batch would amplify roundings
  const auto run = [&](bool bf16) {
    std::vector<double> values;
    for (const std::vector<float>& part : logits_and_gradients(model, x, labels, bf16))
      values.insert(values.end(), part.begin(), part.end());
    return values;
  };
  const std::vector<double> exact = run(false);
  std::vector<double> difference = run(true);
  for (size_t i = 0; i < exact.size(); ++i) difference[i] -= exact[i];
  const auto square = [](const std::vector<double>& v) {
    return std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
  };
  return std::sqrt(square(difference) / square(exact));
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("ResNet: images of any size give a row of logits each") {
    for (const Device device : available_devices())
      for (const ResNetStem stem : {ResNetStem::imagenet, ResNetStem::cifar})
        for (const bool bottleneck : {false, true}) {
          Initializer init(device);
          ResNet model(init, small_resnet(bottleneck, stem));
          model.eval();
          for (const Shape& shape : {Shape{1, 1, 1, 3}, Shape{2, 9, 14, 3}, Shape{3, 32, 32, 3}})
            CHECK(model(colour_images(shape, device)).shape() == Shape{shape[0], 3});
        }
  }

  TEST_CASE("VGG: images from 32 x 32 pixels give a row of logits each") {
    for (const Device device : available_devices()) {
      Initializer init(device);
      Vgg any(init, small_vgg(VggHead::torchvision)), one_size(init, small_vgg(VggHead::linear));
      for (Module* model : {static_cast<Module*>(&any), static_cast<Module*>(&one_size)}) model->eval();
      for (const Shape& shape : {Shape{1, 32, 32, 3}, Shape{2, 64, 32, 3}, Shape{2, 70, 33, 3}})
        CHECK(any(colour_images(shape, device)).shape() == Shape{shape[0], 3});
      CHECK(one_size(colour_images({2, 64, 32, 3}, device)).shape() == Shape{2, 3});
    }
  }

  TEST_CASE("image networks: images of another shape are errors with the shape") {
    Initializer init(Device::reference);
    ResNet resnet(init, small_resnet(false, ResNetStem::cifar));
    Vgg vgg(init, small_vgg(VggHead::torchvision)), linear(init, small_vgg(VggHead::linear));
    const auto fails = [](Module& model, const Shape& shape, const std::string& expected) {
      const Tensor x = Tensor::zeros(shape, DType::f32, Device::reference);
      return throws_saying("x has shape " + to_string(shape) + ", " + expected, [&] { model(x); });
    };
    for (const Shape& wrong : {Shape{2, 3, 32, 32}, Shape{2, 32, 32, 1}, Shape{32, 32, 3}, Shape{2, 0, 32, 3}})
      CHECK(fails(resnet, wrong, "expected (N, H, W, 3) with H and W at least 1"));
    for (const Shape& wrong : {Shape{2, 3, 32, 32}, Shape{2, 32, 32, 4}, Shape{2, 31, 64, 3}, Shape{2, 64, 31, 3}})
      for (Vgg* model : {&vgg, &linear}) CHECK(fails(*model, wrong, "expected (N, H, W, 3) with H and W at least 32"));
    CHECK(fails(linear, {2, 32, 64, 3}, "expected (N, 64, 32, 3) with the linear head"));
    CHECK(throws_saying("x has shape ()", [&] { resnet(Tensor()); }));
    CHECK(throws_saying("x has shape ()", [&] { vgg(Tensor()); }));
  }

  TEST_CASE("image networks: options out of range are errors with their values") {
    Initializer init(Device::reference);
    const auto resnet = [&](auto change) {
      ResNetOptions options = small_resnet(false, ResNetStem::cifar);
      change(options);
      return error_of([&] { ResNet(init, options); });
    };
    const auto vgg = [&](auto change) {
      VggOptions options = small_vgg(VggHead::linear);
      change(options);
      return error_of([&] { Vgg(init, options); });
    };
    CHECK(contains(resnet([](auto& o) { o.blocks[2] = 0; }), "the stages have 1, 1, 0, 1 blocks"));
    CHECK(contains(resnet([](auto& o) { o.width = 0; }), "0 channels in the first stage and 3 classes"));
    CHECK(contains(resnet([](auto& o) { o.classes = -1; }), "and -1 classes"));
    CHECK(contains(vgg([](auto& o) { o.depth = 12; }), "a depth of 12 layers, expected 11, 13, 16 or 19"));
    CHECK(contains(vgg([](auto& o) { o.image_width = 31; }), "images of 64 x 31 pixels, expected at least 32 x 32"));
    CHECK(contains(vgg([](auto& o) { o.classes = 0; }), "0 classes"));
    CHECK(contains(vgg([](auto& o) { o.head = VggHead::torchvision, o.dropout = 1.0; }), "p is 1"));
    CHECK(throws_saying("a depth of 101 layers, expected 18, 20, 34 or 50",
                        [] { ResNetOptions::of_depth(101, 2, ResNetStem::cifar); }));
  }

  TEST_CASE("image networks: initial weights have torchvision's distributions") {
    Initializer init(Device::reference, 3);
    const ResNet resnet(init, {.blocks = {1, 1, 1, 1}, .classes = 40, .width = 16});
    const Vgg vgg(init, {.depth = 11, .classes = 40, .width = 16, .hidden = 64});
    for (const Module* model : {static_cast<const Module*>(&resnet), static_cast<const Module*>(&vgg)})
      for (const auto& [name, tensor] : model->parameters()) {
        CAPTURE(name);
        const Shape& shape = tensor.shape();
        const double spread = 5.0 / std::sqrt(2.0 * static_cast<double>(tensor.numel()));
        if (shape.rank() == 4) {  // normal, sqrt(2 / fan_out); (O, KH, KW, I)
          const double expected = std::sqrt(2.0 / static_cast<double>(shape[0] * shape[1] * shape[2]));
          CHECK(std::abs(deviation_of(tensor) / expected - 1.0) < spread);
        } else if (name == "fc.weight" || name == "fc.bias") {  // uniform within 1 / sqrt(fan_in)
          const double expected = 1.0 / std::sqrt(3.0 * 128.0);
          CHECK(std::abs(deviation_of(tensor) / expected - 1.0) < spread);
        } else if (shape.rank() == 2) {
          CHECK(std::abs(deviation_of(tensor) / 0.01 - 1.0) < spread);
        } else {  // batch norm, and biases
          CHECK(deviation_of(tensor) == (name.ends_with(".weight") ? 1.0 : 0.0));
        }
      }
  }

  TEST_CASE("VGG: dropout in the head differs between steps and is off in evaluation and at 0") {
    for (const double dropout : {0.0, 0.5}) {
      VggOptions options = small_vgg(VggHead::torchvision);
      options.dropout = dropout;
      options.hidden = 200;
      Initializer init(Device::reference, 3);
      Vgg model(init, options);
      const Tensor x = colour_images({2, 32, 32, 3}, Device::reference);
      const auto logits = [&](uint64_t step) {
        model.set_random(1, step);
        return model(x).to_vector<float>();
      };
      model(x);  // changes the running statistics
      CHECK((logits(1) == logits(2)) == (dropout == 0.0));
      model.eval();
      CHECK(logits(1) == logits(2));
    }
  }

  TEST_CASE("image networks: bf16 keeps logits and gradients in f32 and comes near f32") {
    for (const Device device : available_devices()) {
      Initializer init(device, 3);
      ResNet resnet(init, {.blocks = {1, 1, 1, 1}, .classes = 3, .stem = ResNetStem::cifar, .width = 16});
      VggOptions options = small_vgg(VggHead::torchvision);
      options.width = 16;
      Vgg vgg(init, options);
      for (Module* model : {static_cast<Module*>(&resnet), static_cast<Module*>(&vgg)}) {
        const double distance = bf16_distance(*model, {2, 32, 32, 3}, device);
        CHECK(distance > 1e-6);
        CHECK(distance < 0.05);
      }
    }
  }

  TEST_CASE("image networks: weights cast together and one by one give the same bits") {
    Initializer init(Device::reference, 3);
    ResNet resnet(init, {.blocks = {1, 1}, .classes = 3, .stem = ResNetStem::cifar, .width = 8});
    resnet.eval();
    resnet.compute_in_bf16();
    const Tensor x = colour_images({2, 8, 8, 3}, Device::reference);
    const std::vector<float> together = resnet(x).to_vector<float>();
    CHECK(together == resnet.forward(x).to_vector<float>());
    // A copy is made anew by each forward.
    Tensor weight = resnet.parameters().front().tensor;
    weight.copy_from(Tensor::full(weight.shape(), 0.5, DType::f32, Device::reference));
    const std::vector<float> changed = resnet(x).to_vector<float>();
    CHECK(changed != together);
    CHECK(changed == resnet.forward(x).to_vector<float>());
  }

  TEST_CASE("networks by name: each has its name and the options that it uses") {
    Initializer init(Device::reference);
    const NetworkOptions published{
        .classes = 2, .image_height = 150, .image_width = 150, .stem = ResNetStem::cifar, .head = VggHead::linear};
    const auto vgg = make_network("vgg11", init, published)->parameters();
    CHECK(vgg[vgg.size() - 2].name == "classifier.weight");
    CHECK(vgg[vgg.size() - 2].tensor.shape() == Shape{2, 8192});
    const auto resnet = make_network("resnet18", init, published)->parameters();
    CHECK(resnet.front().tensor.shape() == Shape{64, 3, 3, 3});
    CHECK(resnet[resnet.size() - 2].tensor.shape() == Shape{2, 512});
    // 16, 32 and 64 channels: 432 + 6 * 2304 + (4608 + 5 * 9216) + (18432 + 5 * 36864) weights of 3x3 convolutions,
    // 512 + 2048 of the shortcuts, 2 * 784 of batch norms and 650 of the classifier.
    int64_t parameters = 0;
    for (const auto& [name, tensor] : make_network("resnet20", init, {.classes = 10})->parameters())
      parameters += tensor.numel();
    CHECK(parameters == 272474 + (49 - 9) * 3 * 16);  // the stem here is 7x7
    CHECK(smallest_image("vgg19") == 32);
    CHECK(smallest_image("resnet20") == 1);
    const std::string error = error_of([&] { make_network("resnet35", init); });
    CHECK(contains(error, "unknown network 'resnet35'"));
    for (const std::string& name : network_names()) CHECK(contains(error, name));
  }
}

TEST_SUITE("gradient") {
  TEST_CASE("ResNet: the cross entropy's gradient with respect to every parameter and the images") {
    for (const bool bottleneck : {false, true})
      for (const ResNetStem stem : {ResNetStem::imagenet, ResNetStem::cifar}) {
        Initializer init(Device::reference, 4, DType::f64);
        ResNet model(init, small_resnet(bottleneck, stem));
        check_model_gradients(model, stem == ResNetStem::cifar ? Shape{3, 9, 12, 3} : Shape{3, 33, 40, 3}, 1e-5);
      }
  }

  TEST_CASE("VGG: the cross entropy's gradient with respect to every parameter and the images dropout included") {
    for (const VggHead head : {VggHead::torchvision, VggHead::linear}) {
      Initializer init(Device::reference, 4, DType::f64);
      Vgg model(init, small_vgg(head));
      check_model_gradients(model, {3, 64, 32, 3}, 1e-5);
    }
  }
}

}  // namespace cofactor::testing
