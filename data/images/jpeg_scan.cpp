#include "data/images/jpeg_scan.h"

#include <algorithm>
#include <cstdlib>

namespace cofactor {

namespace {

constexpr int kLargestDc = 32767;      // what a decoder stores in 16 bits
constexpr int kCoefficientBits = 15;   // likewise, of the magnitude of an AC coefficient
constexpr size_t kMaxStrayBytes = 64;  // before a marker; more mean that the scan has another size

constexpr uint64_t bit(int coefficient) {
  return uint64_t{1} << coefficient;
}

// Walks through the units of a scan. The functions for one block return whether its codes are valid.
class ScanWalk {
 public:
  ScanWalk(const EncodedImage& image, const JpegFrame& frame, JpegScan& scan, std::vector<ByteRange>& stray)
      : image_(image), frame_(frame), scan_(scan), stray_(stray), bits_(image.bytes(), scan.begin) {}

  size_t run() {
    for (unit_ = 0; unit_ < scan_.units; ++unit_) {
      if (scan_.restart_interval > 0 && unit_ > 0 && unit_ % scan_.restart_interval == 0) restart();
      const bool valid = walk_unit();
      if (bits_.overran()) fail_ended();
      image_.require(valid, "unit {} of {} in the scan at byte {} has an invalid code", unit_, scan_.units,
                     scan_.begin);
    }
    return end_of_interval();
  }

 private:
  bool walk_unit() {
    for (JpegScan::Part& part : scan_.parts) {
      for (int64_t block = 0; block < part.blocks; ++block)
        if (!(frame_.progressive ? walk_progressive(part) : walk_sequential(part))) return false;
    }
    return true;
  }

  bool walk_sequential(JpegScan::Part& part) {
    JpegBits bits = bits_;  // a copy, which stays in registers
    const bool dc_valid = walk_dc(bits, part);
    const JpegHuffmanTable& table = *part.ac;
    unsigned at = 1;
    do {
      bits.refill();
      const JpegCode& code = table.find(bits.window());
      if (code.length == 0) [[unlikely]]
        break;
      bits.skip(code.total);
      at += code.advance;
    } while (at < 64);
    bits_ = bits;
    return dc_valid && (at == 64 || at > JpegHuffmanTable::kEndOfBlock);
  }

  static bool walk_dc(JpegBits& bits, JpegScan::Part& part) {
    bits.refill();
    const JpegCode& code = part.dc->find(bits.window());
    if (code.length == 0 || code.symbol > kCoefficientBits) return false;
    bits.skip(code.length);
    part.prediction += bits.take_signed(code.symbol);
    return std::abs(part.prediction) <= kLargestDc;
  }

  bool walk_progressive(JpegScan::Part& part) {
    if (scan_.first > 0) {
      const JpegComponent& component = *part.component;
      const auto block =
          static_cast<size_t>(unit_ / component.columns * component.padded_columns + unit_ % component.columns);
      uint64_t& nonzero = part.component->nonzero[block];
      return scan_.high == 0 ? walk_first_ac(*part.ac, nonzero) : walk_refined_ac(*part.ac, nonzero);
    }
    if (scan_.high == 0) return walk_dc(bits_, part);
    bits_.refill();
    bits_.skip(1);
    return true;
  }

  bool walk_first_ac(const JpegHuffmanTable& table, uint64_t& nonzero) {
    if (blocks_to_skip_ > 0) return --blocks_to_skip_ >= 0;
    int at = scan_.first;
    while (at <= scan_.last) {
      bits_.refill();
      const JpegCode& code = table.find(bits_.window());
      const int run = code.symbol >> 4, size = code.symbol & 15;
      if (code.length == 0 || size + scan_.low > kCoefficientBits) return false;
      bits_.skip(code.length);
      if (size == 0 && run < 15) return begin_end_of_band(run);
      at += run;
      if (at > scan_.last) return false;
      if (size > 0) nonzero |= bit(at);
      bits_.skip(static_cast<unsigned>(size));
      ++at;
    }
    return true;
  }

  // Between the codes of coefficients that become nonzero come correction bits for those that are nonzero already.
  bool walk_refined_ac(const JpegHuffmanTable& table, uint64_t& nonzero) {
    if (blocks_to_skip_ > 0) {
      correct(nonzero, scan_.first);
      return --blocks_to_skip_ >= 0;
    }
    int at = scan_.first;
    while (at <= scan_.last) {
      bits_.refill();
      const JpegCode& code = table.find(bits_.window());
      const int size = code.symbol & 15;
      int run = code.symbol >> 4;
      if (code.length == 0 || size > 1) return false;
      bits_.skip(code.length);
      if (size == 0 && run < 15) {
        const bool valid = begin_end_of_band(run);
        correct(nonzero, at);
        return valid;
      }
      bits_.skip(static_cast<unsigned>(size));  // its sign
      for (; at <= scan_.last; ++at) {
        if ((nonzero & bit(at)) != 0) {
          bits_.refill();
          bits_.skip(1);
        } else if (run-- == 0) {
          break;
        }
      }
      if (at > scan_.last) return false;
      if (size > 0) nonzero |= bit(at);
      ++at;
    }
    return true;
  }

  // The band has no more coefficients in this block and in the given number of blocks after it.
  bool begin_end_of_band(int run) {
    bits_.refill();
    blocks_to_skip_ = (int64_t{1} << run) - 1 + bits_.take(static_cast<unsigned>(run));
    return blocks_to_skip_ < scan_.units - unit_;
  }

  void correct(uint64_t nonzero, int from) {
    const uint64_t band = ((bit(scan_.last) - 1) | bit(scan_.last)) & ~(bit(from) - 1);
    for (int count = std::popcount(nonzero & band); count > 0; count -= 32) {
      bits_.refill();
      bits_.skip(static_cast<unsigned>(std::min(count, 32)));
    }
  }

  void restart() {
    const size_t at = end_of_interval();
    const auto found = static_cast<uint8_t>(image_.bytes()[at + 1]);
    const auto expected = static_cast<uint8_t>(0xD0 + (unit_ / scan_.restart_interval - 1) % 8);
    if (found < 0xD0 || found > 0xD7) fail_ended();
    image_.require(found == expected, "restart marker {1} at byte {0}, expected {2}: a part is missing", at,
                   found - 0xD0, expected - 0xD0);
    bits_ = JpegBits(image_.bytes(), at + 2);
    blocks_to_skip_ = 0;
    for (JpegScan::Part& part : scan_.parts) part.prediction = 0;
  }

  // The position of the marker after the data read so far.
  size_t end_of_interval() {
    image_.require(blocks_to_skip_ == 0, "the scan at byte {} skips {} blocks more than it has", scan_.begin,
                   blocks_to_skip_);
    const size_t at = bits_.position(), marker = find_jpeg_marker(image_.bytes(), at);
    if (marker == image_.size()) image_.fail_cut_short();
    if (marker > at) {
      image_.require(marker - at <= kMaxStrayBytes,
                     "the scan at byte {0} has {2} bytes after the last of its {1} units", scan_.begin, unit_,
                     marker - at);
      stray_.push_back({at, marker});
    }
    return marker;
  }

  [[noreturn]] void fail_ended() const {
    const size_t marker = find_jpeg_marker(image_.bytes(), bits_.position());
    if (marker == image_.size()) image_.fail_cut_short();
    image_.fail_damaged("the scan at byte {} is cut short: it ends at byte {}, in unit {} of {}", scan_.begin, marker,
                        unit_, scan_.units);
  }

  const EncodedImage& image_;
  const JpegFrame& frame_;
  JpegScan& scan_;
  std::vector<ByteRange>& stray_;
  JpegBits bits_;
  int64_t unit_ = 0;
  int64_t blocks_to_skip_ = 0;  // blocks whose band is empty, as an earlier code says
};

}  // namespace

size_t walk_jpeg_scan(const EncodedImage& image, const JpegFrame& frame, JpegScan scan, std::vector<ByteRange>& stray) {
  return ScanWalk(image, frame, scan, stray).run();
}

}  // namespace cofactor
