// The walks of convolution and max pooling: docs/derivations.md, sections 8 and 10.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/ops/conv.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/pool.h"
#include "engine/ops/reduce.h"
#include "experiments/derive/input.h"
#include "experiments/derive/op_walk.h"
#include "experiments/sweep/program.h"

namespace cofactor {
namespace {

// Element [n, h, w, c] of an array (N, H, W, C); -1 outside the image.
int64_t place(const Shape& shape, int64_t n, int64_t h, int64_t w, int64_t c) {
  if (h < 0 || h >= shape[1] || w < 0 || w >= shape[2]) return -1;
  return ((n * shape[1] + h) * shape[2] + w) * shape[3] + c;
}

// The flags that describe an image and a square window.
class ImageOpDerivation : public OpDerivation {
 protected:
  void add_image_flags(Flags& flags) {
    const Flag samples = flags.add("--samples", samples_, "Images");
    const Flag height = flags.add("--height", height_, "Rows of an image");
    const Flag width = flags.add("--width", width_, "Columns of an image");
    const Flag channels = flags.add("--channels", channels_, "Channels of an image");
    add_common(flags, "one row per row of the image; one image with one channel", {samples, height, width, channels});
  }

  Numbers image() const {
    if (has_input()) {
      Numbers read = read_numbers(input());
      read.shape = {1, read.rows(), read.columns(), 1};
      return read;
    }
    for (const Extent& extent :
         {Extent{"--samples", samples_}, {"--height", height_}, {"--width", width_}, {"--channels", channels_}})
      check_extent(extent);
    check_count("x", {samples_, height_, width_, channels_});
    return drawn({samples_, height_, width_, channels_}, 0);
  }

  // Throws UsageError where the window is larger than the padded image.
  static void check_window(const Shape& x, int64_t height, int64_t width, int64_t pad) {
    if (height <= x[1] + 2 * pad && width <= x[2] + 2 * pad) return;
    usage("the window covers {} x {} pixels, the image with its padding has {} x {}", height, width, x[1] + 2 * pad,
          x[2] + 2 * pad);
  }

  int64_t samples_ = 1, height_ = 4, width_ = 4, channels_ = 1;
};

class Conv2dDerivation : public ImageOpDerivation {
 public:
  void add_flags(Flags& flags) override {
    add_image_flags(flags);
    const Flag filters = flags.add("--filters", filters_, "Output channels");
    const Flag kernel = flags.add("--kernel", kernel_, "Rows and columns of a filter");
    flags.add("--stride", stride_, "Pixels from one window to the next");
    flags.add("--pad", pad_, "Rows and columns of zeros around the image");
    flags.add("--dilation", dilation_, "Pixels from one tap of the filter to the next; 1 is dense");
    flags
        .add("--weight", weight_,
             "CSV file with your own filter: a header row, then its rows; one filter on one channel")
        .excludes(filters)
        .excludes(kernel);
  }

  Walk walk() override {
    for (const Extent& extent :
         {Extent{"--filters", filters_}, {"--kernel", kernel_}, {"--stride", stride_}, {"--dilation", dilation_}})
      check_extent(extent);
    check_extent({"--pad", pad_}, 0);
    const Numbers x = image(), w = weight(x.shape[3]);
    check_window(x.shape, dilation_ * (w.shape[1] - 1) + 1, dilation_ * (w.shape[2] - 1) + 1, pad_);
    const Shape y = conv2d_output(x.shape, w.shape, params());
    check_count("y", {y[0], y[1], y[2], y[3]});
    return walk_of(x, w, drawn(Shape{w.shape[0]}, 2));
  }

 private:
  Conv2dParams params() const {
    const auto stride = static_cast<int>(stride_), pad = static_cast<int>(pad_), dilation = static_cast<int>(dilation_);
    return {.stride_h = stride,
            .stride_w = stride,
            .pad_h = pad,
            .pad_w = pad,
            .dilation_h = dilation,
            .dilation_w = dilation};
  }

  Numbers weight(int64_t channels) const {
    if (!weight_) {
      check_count("w", {filters_, kernel_, kernel_, channels});
      return drawn({filters_, kernel_, kernel_, channels}, 1);
    }
    if (channels != 1) usage("--weight {}: its filter has one channel, the image has {}", *weight_, channels);
    Numbers read = read_numbers(*weight_);
    read.shape = {1, read.rows(), read.columns(), 1};
    return read;
  }

  // Calls visit(place in y, place in x, place in w) for every product of the sum.
  void for_each_product(const Shape& x, const Shape& w, const Shape& y,
                        const std::function<void(int64_t, int64_t, int64_t)>& visit) const {
    for (int64_t at = 0; at < y.numel(); ++at) {
      const int64_t o = at % y[3], q = at / y[3] % y[2], p = at / y[3] / y[2] % y[1], n = at / y[3] / y[2] / y[1];
      for (int64_t tap = 0; tap < w[1] * w[2] * w[3]; ++tap) {
        const int64_t i = tap % w[3], l = tap / w[3] % w[2], k = tap / w[3] / w[2];
        const int64_t in = place(x, n, p * stride_ - pad_ + k * dilation_, q * stride_ - pad_ + l * dilation_, i);
        if (in >= 0) visit(at, in, o * w[1] * w[2] * w[3] + tap);
      }
    }
  }

  Walk walk_of(const Numbers& x, const Numbers& w, const Numbers& b) const;

  int64_t filters_ = 1, kernel_ = 3, stride_ = 1, pad_ = 0, dilation_ = 1;
  std::optional<std::string> weight_;  // a file
};

Walk Conv2dDerivation::walk_of(const Numbers& x, const Numbers& w, const Numbers& b) const {
  Walk walk(fmt::format("A 2-D convolution: images {} (N, H, W, C), filters {} (O, KH, KW, C)", x.shape, w.shape));
  walk.note(fmt::format("Options: stride s = {}, padding a = {}, dilation d = {}.", stride_, pad_, dilation_));
  walk.given("Input", {"x", "x"}, x);
  walk.given("Filters", {"w", "w"}, w);
  walk.given("Bias", {"b", "b"}, b);
  Tensor x_leaf = x.tensor(), w_leaf = w.tensor(), b_leaf = b.tensor();
  Numbers y(conv2d_output(x.shape, w.shape, params()));
  const int64_t filters = y.shape[3];
  for (int64_t at = 0; at < y.shape.numel(); ++at) y[at] = b[at % filters];
  for_each_product(x.shape, w.shape, y.shape, [&](int64_t out, int64_t in, int64_t tap) { y[out] += x[in] * w[tap]; });
  const auto apply = [&](const Tensor& image, const Tensor& filter, const Tensor& bias) {
    return conv2d(image, filter, bias, params());
  };
  walk.value("Output", {"y", "y"},
             {"y[n,p,q,o] = b[o] + sum_{k,l,i} x[n, ps-a+kd, qs-a+ld, i] w[o,k,l,i]",
              "y[n,p,q,o] = b[o] + \\sum_{k,l,i} x[n, ps-a+kd, qs-a+ld, i] \\, w[o,k,l,i]"},
             y, apply(x_leaf, w_leaf, b_leaf));
  const Numbers g = walk_loss(walk, y, apply(x_leaf, w_leaf, b_leaf));
  Numbers dx(x.shape), dw(w.shape), db(b.shape);
  for (int64_t at = 0; at < y.shape.numel(); ++at) db[at % filters] += g[at];
  for_each_product(x.shape, w.shape, y.shape, [&](int64_t out, int64_t in, int64_t tap) {
    dx[in] += g[out] * w[tap];
    dw[tap] += g[out] * x[in];
  });
  const double most = largest(g.values);
  walk.gradient("Gradient with respect to the input", {"dL/dx", "\\partial L / \\partial x"},
                {"dL/dx[n,h,v,i] = sum of g[n,p,q,o] w[o,k,l,i] over ps-a+kd = h, qs-a+ld = v",
                 "\\frac{\\partial L}{\\partial x}[n,h,v,i] = \\sum_{ps-a+kd = h, \\; qs-a+ld = v} g[n,p,q,o] \\, "
                 "w[o,k,l,i]"},
                dx, weighted_sum([&](const Tensor& at) { return apply(at, w_leaf, b_leaf); }, g), x_leaf,
                {.scale = most * largest(w.values)});
  walk.gradient("Gradient with respect to the filters", {"dL/dw", "\\partial L / \\partial w"},
                {"dL/dw[o,k,l,i] = sum_{n,p,q} g[n,p,q,o] x[n, ps-a+kd, qs-a+ld, i]",
                 "\\frac{\\partial L}{\\partial w}[o,k,l,i] = \\sum_{n,p,q} g[n,p,q,o] \\, x[n, ps-a+kd, qs-a+ld, i]"},
                dw, weighted_sum([&](const Tensor& at) { return apply(x_leaf, at, b_leaf); }, g), w_leaf,
                {.scale = most * largest(x.values)});
  walk.gradient("Gradient with respect to the bias", {"dL/db", "\\partial L / \\partial b"},
                {"dL/db[o] = sum_{n,p,q} g[n,p,q,o]", "\\frac{\\partial L}{\\partial b}[o] = \\sum_{n,p,q} g[n,p,q,o]"},
                db, weighted_sum([&](const Tensor& at) { return apply(x_leaf, w_leaf, at); }, g), b_leaf,
                {.scale = most});
  const auto names = name_leaves({{&x_leaf, "x"}, {&w_leaf, "w"}, {&b_leaf, "b"}});
  walk.draw(sum(apply(x_leaf, w_leaf, b_leaf) * g.tensor()), names);
  return walk;
}

class MaxPoolDerivation : public ImageOpDerivation {
 public:
  void add_flags(Flags& flags) override {
    add_image_flags(flags);
    flags.add("--kernel", kernel_, "Rows and columns of a window");
    flags.add("--stride", stride_, "Pixels from one window to the next; 0: the kernel's");
    flags.add("--pad", pad_, "Rows and columns around the image that no window takes its largest value from");
  }

  Walk walk() override {
    check_extent({"--kernel", kernel_});
    check_count("a window", {kernel_, kernel_});
    check_extent({"--stride", stride_}, 0);
    check_extent({"--pad", pad_}, 0);
    if (2 * pad_ > kernel_) usage("--pad {}: at most half of the kernel, which is {}", pad_, kernel_);
    step_ = stride_ == 0 ? kernel_ : stride_;
    const Numbers x = image();
    check_window(x.shape, kernel_, kernel_, pad_);
    return walk_of(x);
  }

 private:
  // The cells of each window that lie inside the image, in row-major order, by the window's place in y.
  std::vector<std::vector<int64_t>> windows(const Shape& x, const Shape& y) const {
    std::vector<std::vector<int64_t>> cells(static_cast<size_t>(y.numel()));
    for (int64_t at = 0; at < y.numel(); ++at) {
      const int64_t c = at % y[3], q = at / y[3] % y[2], p = at / y[3] / y[2] % y[1], n = at / y[3] / y[2] / y[1];
      for (int64_t tap = 0; tap < kernel_ * kernel_; ++tap) {
        const int64_t in = place(x, n, p * step_ - pad_ + tap / kernel_, q * step_ - pad_ + tap % kernel_, c);
        if (in >= 0) cells[static_cast<size_t>(at)].push_back(in);
      }
    }
    return cells;
  }

  // How far cell `at` may move until the largest of one of its windows is another one.
  static double distance_to_tie(const Numbers& x, const std::vector<std::vector<int64_t>>& cells, int64_t at) {
    double distance = std::numeric_limits<double>::infinity();
    for (const std::vector<int64_t>& window : cells) {
      if (std::ranges::find(window, at) == window.end()) continue;
      double others = -std::numeric_limits<double>::infinity();
      for (const int64_t other : window)
        if (other != at) others = std::max(others, x[other]);
      distance = std::min(distance, std::abs(x[at] - others));
    }
    return distance;
  }

  Walk walk_of(const Numbers& x) const;

  int64_t kernel_ = 2, stride_ = 0, pad_ = 0, step_ = 2;
};

Walk MaxPoolDerivation::walk_of(const Numbers& x) const {
  const auto extents = [&](int64_t extent) { return (extent + 2 * pad_ - kernel_) / step_ + 1; };
  Numbers y({x.shape[0], extents(x.shape[1]), extents(x.shape[2]), x.shape[3]}), winners(y.shape), dx(x.shape);
  check_count("y", {y.shape[0], y.shape[1], y.shape[2], y.shape[3]});
  const auto cells = windows(x.shape, y.shape);
  for (int64_t at = 0; at < y.shape.numel(); ++at) {
    const std::vector<int64_t>& window = cells[static_cast<size_t>(at)];
    // The first of equal ones.
    const int64_t winner = *std::ranges::max_element(window, [&](int64_t a, int64_t b) { return x[a] < x[b]; });
    y[at] = x[winner];
    winners[at] = static_cast<double>(winner / x.shape[3] % (x.shape[1] * x.shape[2]));
  }
  Walk walk(fmt::format("Max pooling: images {} (N, H, W, C), windows of {} x {}", x.shape, kernel_, kernel_));
  walk.note(fmt::format("Options: stride = {}, padding = {}.", step_, pad_));
  walk.given("Input", {"x", "x"}, x);
  walk.given("Place of each window's largest value in its image, row by row; the first among equal ones",
             {"place", "\\mathrm{place}"}, winners);
  Tensor leaf = x.tensor();
  const auto apply = [&](const Tensor& at) {
    return max_pool2d(at, static_cast<int>(kernel_), static_cast<int>(step_), static_cast<int>(pad_));
  };
  walk.value("Output", {"y", "y"}, {"y = max of x over the window", "y = \\max_{\\text{window}} x"}, y, apply(leaf));
  const Numbers g = walk_loss(walk, y, apply(leaf));
  for (int64_t at = 0; at < y.shape.numel(); ++at) {
    const int64_t image = at / (y.shape[1] * y.shape[2] * y.shape[3]);
    const auto pixel = static_cast<int64_t>(winners[at]);
    dx[(image * x.shape[1] * x.shape[2] + pixel) * x.shape[3] + at % x.shape[3]] += g[at];
  }
  const auto free = [&](int64_t at) { return distance_to_tie(x, cells, at); };
  walk.gradient("Gradient with respect to the input", {"dL/dx", "\\partial L / \\partial x"},
                {"dL/dx = sum of g over the windows that the cell wins",
                 "\\frac{\\partial L}{\\partial x} = \\sum_{\\text{windows that the cell wins}} g"},
                dx, weighted_sum(apply, g), leaf, {.scale = largest(g.values), .smooth_within = free});
  const auto names = name_leaves({{&leaf, "x"}});
  walk.draw(sum(apply(leaf) * g.tensor()), names);
  return walk;
}

}  // namespace

std::unique_ptr<Derivation> make_conv2d_derivation() {
  return std::make_unique<Conv2dDerivation>();
}
std::unique_ptr<Derivation> make_max_pool_derivation() {
  return std::make_unique<MaxPoolDerivation>();
}

}  // namespace cofactor
