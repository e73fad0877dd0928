#include "data/images/jpeg_check.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <vector>

#include "data/images/encoded_image.h"
#include "data/images/exif.h"
#include "data/images/jpeg_scan.h"

namespace cofactor {

namespace {

// Markers of ITU-T T.81, table B.1: each is a byte 0xFF and one of these.
constexpr uint32_t kBaseline = 0xC0, kExtended = 0xC1, kProgressive = 0xC2, kHuffmanTables = 0xC4, kExtension = 0xC8,
                   kArithmeticConditions = 0xCC, kFirstFrame = 0xC0, kLastFrame = 0xCF, kFirstRestart = 0xD0,
                   kLastRestart = 0xD7, kEndOfImage = 0xD9, kStartOfScan = 0xDA, kQuantizationTables = 0xDB,
                   kNumberOfLines = 0xDC, kRestartInterval = 0xDD, kFirstApplication = 0xE0, kExif = 0xE1,
                   kAdobe = 0xEE, kLastApplication = 0xEF, kComment = 0xFE, kTemporary = 0x01;

constexpr size_t kMaxTables = 4;
constexpr int kMaxSampling = 4, kMaxBlocksInUnit = 10, kMaxLowBits = 13;
constexpr size_t kMaxSymbols = 256;
constexpr int64_t kMaxPasses = 64;  // over the image, by all scans together; encoders make about 6
constexpr int kUncoded = -1;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

class JpegChecker {
 public:
  JpegChecker(std::string_view bytes, const std::filesystem::path& path) : image_(bytes, path, "JPEG") {}

  CheckedJpeg run() {
    at_ = 2;  // after the marker that starts the image
    while (const std::optional<uint32_t> marker = next_marker()) check_segment(*marker);
    check_end();
    return {repaired(), orientation_};
  }

 private:
  // The next marker, after which at_ then points; nothing at the end of the image.
  std::optional<uint32_t> next_marker() {
    const size_t marker = find_jpeg_marker(image_.bytes(), at_);
    if (marker == image_.size()) image_.fail_cut_short();
    if (marker > at_) stray_.push_back({at_, marker});
    at_ = marker + 2;
    const uint32_t code = image_.big_endian(marker + 1, 1);
    return code == kEndOfImage ? std::nullopt : std::optional(code);
  }

  void check_segment(uint32_t marker) {
    if (marker == kTemporary || (marker >= kFirstRestart && marker <= kLastRestart)) {  // outside any scan
      stray_.push_back({at_ - 2, at_});
      return;
    }
    const size_t length = image_.big_endian(at_, 2);
    image_.require(length >= 2, "the segment at byte {} has a length of {}", at_, length);
    const std::string_view segment = image_.slice(at_, length);
    const size_t begin = at_ + 2, end = at_ + length;
    at_ = end;
    switch (marker) {
      case kBaseline:
      case kExtended:
      case kProgressive: return check_frame(marker == kProgressive, begin, end);
      case kHuffmanTables: return check_huffman_tables(begin, end);
      case kQuantizationTables: return check_quantization_tables(begin, end);
      case kRestartInterval:
        image_.require(length == 4, "the restart interval at byte {} has {} bytes", begin, length);
        restart_interval_ = image_.big_endian(begin, 2);
        return;
      case kStartOfScan: return check_scan(begin, end);
      case kNumberOfLines: return check_lines(begin, end);
      case kExif:
        if (segment.substr(2).starts_with(std::string_view("Exif\0\0", 6)) && orientation_ == kUpright)
          orientation_ = exif_orientation(segment.substr(8));
        return;
      case kAdobe: adobe_ |= segment.substr(2).starts_with("Adobe") && length >= 14; return;
      default: break;
    }
    if ((marker >= kFirstApplication && marker <= kLastApplication) || marker == kComment) return;
    if (marker >= kFirstFrame && marker <= kLastFrame && marker != kExtension && marker != kArithmeticConditions)
      image_.fail_unsupported("it uses {} coding (marker 0x{:02X} at byte {})", coding_of(marker), marker, begin - 4);
    image_.fail_unsupported("it has a segment of kind 0x{:02X} at byte {}", marker, begin - 4);
  }

  static std::string_view coding_of(uint32_t marker) {
    if (marker == 0xC3) return "lossless";
    return marker < 0xC8 ? "hierarchical" : "arithmetic";
  }

  void check_huffman_tables(size_t begin, size_t end) {
    for (size_t at = begin; at < end;) {
      const uint32_t name = image_.big_endian(at, 1);
      image_.require(name >> 4 <= 1 && (name & 15) < kMaxTables, "a Huffman table at byte {} has the number 0x{:02X}",
                     at, name);
      const std::string_view counts = image_.slice(at + 1, JpegHuffmanTable::kLengths);
      const size_t symbols = std::accumulate(counts.begin(), counts.end(), size_t{0},
                                             [](size_t sum, char count) { return sum + static_cast<uint8_t>(count); });
      image_.require(symbols <= kMaxSymbols, "the Huffman table at byte {} has {} symbols, expected at most {}", at,
                     symbols, kMaxSymbols);
      const size_t next = at + 1 + counts.size() + symbols;
      image_.require(next <= end, "the Huffman table at byte {} extends past the end of its segment", at);
      image_.require((name >> 4 == 0 ? dc_ : ac_)[name & 15].define(counts, image_.slice(next - symbols, symbols)),
                     "the Huffman table at byte {} has more codes of one length than are possible", at);
      at = next;
    }
  }

  void check_quantization_tables(size_t begin, size_t end) {
    for (size_t at = begin; at < end;) {
      const uint32_t name = image_.big_endian(at, 1);
      image_.require(name >> 4 <= 1 && (name & 15) < kMaxTables,
                     "a quantization table at byte {} has the number 0x{:02X}", at, name);
      at += 1 + size_t{64} * (1 + (name >> 4));
      image_.require(at <= end, "the quantization table that ends at byte {} extends past the end of its segment", at);
      quantized_[name & 15] = true;
    }
  }

  void check_lines(size_t begin, size_t end) const {
    const uint32_t lines = end - begin == 2 ? image_.big_endian(begin, 2) : 0;
    image_.require(frame_.has_value() && lines == frame_->height, "it declares {} rows at byte {}, but {} before",
                   lines, begin, frame_ ? frame_->height : 0);
  }

  void check_frame(bool progressive, size_t begin, size_t end) {
    image_.require(!frame_.has_value(), "a second frame begins at byte {}", begin);
    image_.require(end - begin >= 6, "the frame header at byte {} has {} bytes", begin, end - begin);
    const uint32_t precision = image_.big_endian(begin, 1);
    if (precision != 8) image_.fail_unsupported("it has {} bits per value, expected 8", precision);
    JpegFrame frame;
    frame.progressive = progressive;
    frame.height = image_.big_endian(begin + 1, 2);
    frame.width = image_.big_endian(begin + 3, 2);
    if (frame.height == 0) image_.fail_unsupported("its header does not declare its height");
    image_.require_size(frame.height, frame.width);
    const size_t count = image_.big_endian(begin + 5, 1);
    if (count != 1 && count != 3 && count != 4)
      image_.fail_unsupported("it has {} components, expected 1, 3 or 4", count);
    image_.require(end - begin == 6 + 3 * count, "the frame header at byte {} has {} bytes for {} components", begin,
                   end - begin, count);
    for (size_t i = 0; i < count; ++i) frame.components.push_back(component(begin + 6 + 3 * i, frame));
    frame_ = std::move(frame);
    lay_out(*frame_);
    check_declared_size(*frame_);
  }

  JpegComponent component(size_t at, const JpegFrame& frame) const {
    JpegComponent component;
    component.id = static_cast<uint8_t>(image_.big_endian(at, 1));
    component.horizontal = static_cast<int>(image_.big_endian(at + 1, 1) >> 4);
    component.vertical = static_cast<int>(image_.big_endian(at + 1, 1) & 15);
    component.quantization_table = image_.big_endian(at + 2, 1);
    component.bits_left.fill(kUncoded);
    const auto in_range = [](int factor) { return factor >= 1 && factor <= kMaxSampling; };
    image_.require(in_range(component.horizontal) && in_range(component.vertical),
                   "component {} has sampling factors of {} x {}", component.id, component.horizontal,
                   component.vertical);
    image_.require(component.quantization_table < kMaxTables, "component {} uses quantization table {}", component.id,
                   component.quantization_table);
    for (const JpegComponent& other : frame.components)
      image_.require(other.id != component.id, "two components have the number {}", component.id);
    return component;
  }

  void lay_out(JpegFrame& frame) const {
    int64_t most_horizontal = 1, most_vertical = 1;
    for (const JpegComponent& component : frame.components) {
      most_horizontal = std::max<int64_t>(most_horizontal, component.horizontal);
      most_vertical = std::max<int64_t>(most_vertical, component.vertical);
    }
    frame.unit_rows = ceil_div(frame.height, 8 * most_vertical);
    frame.unit_columns = ceil_div(frame.width, 8 * most_horizontal);
    for (JpegComponent& component : frame.components) {
      if (most_horizontal % component.horizontal != 0 || most_vertical % component.vertical != 0)
        image_.fail_unsupported("the sampling factors {3} x {4} are not multiples of those of component {0}, {1} x {2}",
                                component.id, component.horizontal, component.vertical, most_horizontal, most_vertical);
      component.rows = ceil_div(ceil_div(frame.height * component.vertical, most_vertical), 8);
      component.columns = ceil_div(ceil_div(frame.width * component.horizontal, most_horizontal), 8);
      component.padded_rows = frame.unit_rows * component.vertical;
      component.padded_columns = frame.unit_columns * component.horizontal;
    }
  }

  // A block takes at least one bit, or two if its other coefficients are in the same scan: this bounds the memory of
  // the image by the size of the file before any is allocated.
  void check_declared_size(const JpegFrame& frame) const {
    int64_t blocks = 0;
    for (const JpegComponent& component : frame.components) blocks += component.rows * component.columns;
    const int64_t most = static_cast<int64_t>(image_.size() - at_) * 8 / (frame.progressive ? 1 : 2);
    image_.require(
        blocks <= most,
        "its header declares {} x {} pixels, which are {} blocks, but the {} bytes that follow hold at most {}",
        frame.height, frame.width, blocks, image_.size() - at_, most);
  }

  void check_scan(size_t begin, size_t end) {
    image_.require(frame_.has_value(), "a scan begins at byte {}, before the frame header", begin);
    const size_t count = image_.big_endian(begin, 1);
    image_.require(count >= 1 && count <= frame_->components.size() && end - begin == 4 + 2 * count,
                   "the scan header at byte {} has {} bytes for {} components", begin, end - begin, count);
    JpegScan scan;
    scan.begin = end;
    scan.restart_interval = restart_interval_;
    const size_t rest = begin + 1 + 2 * count;
    scan.high = static_cast<int>(image_.big_endian(rest + 2, 1) >> 4);
    scan.low = static_cast<int>(image_.big_endian(rest + 2, 1) & 15);
    if (frame_->progressive) {
      scan.first = static_cast<int>(image_.big_endian(rest, 1));
      scan.last = static_cast<int>(image_.big_endian(rest + 1, 1));
    } else {
      image_.require(image_.big_endian(rest, 1) == 0 && scan.high == 0 && scan.low == 0,
                     "the scan at byte {} contains parts of coefficients, but the image is not progressive", begin);
    }
    for (size_t i = 0; i < count; ++i) scan.parts.push_back(scan_part(begin + 1 + 2 * i, scan));
    if (frame_->progressive) check_progression(scan);
    count_units(scan);
    at_ = walk_jpeg_scan(image_, *frame_, std::move(scan), stray_);
  }

  JpegScan::Part scan_part(size_t at, const JpegScan& scan) {
    const uint32_t id = image_.big_endian(at, 1), tables = image_.big_endian(at + 1, 1);
    const auto component = std::ranges::find(frame_->components, id, &JpegComponent::id);
    image_.require(component != frame_->components.end(),
                   "the scan at byte {} has a component {} that is not in the frame", scan.begin, id);
    for (const JpegScan::Part& part : scan.parts)
      image_.require(part.component != &*component, "the scan at byte {} has component {} twice", scan.begin, id);
    image_.require(tables >> 4 < kMaxTables && (tables & 15) < kMaxTables,
                   "the scan at byte {} uses Huffman tables 0x{:02X}", scan.begin, tables);
    const JpegScan::Part part{&*component, &dc_[tables >> 4], &ac_[tables & 15]};
    image_.require(quantized_[component->quantization_table],
                   "component {} uses quantization table {}, which is not defined", id, component->quantization_table);
    const bool uses_dc = scan.first == 0 && scan.high == 0, uses_ac = scan.last > 0;
    image_.require(!uses_dc || part.dc->defined(), "the scan at byte {} uses DC Huffman table {}, which is not defined",
                   scan.begin, tables >> 4);
    image_.require(!uses_ac || part.ac->defined(), "the scan at byte {} uses AC Huffman table {}, which is not defined",
                   scan.begin, tables & 15);
    image_.require(frame_->progressive || !component->scanned, "component {} is repeated in the scan at byte {}", id,
                   scan.begin);
    component->scanned = true;
    return part;
  }

  // Each coefficient comes first with its upper bits, then with one more bit at a time.
  void check_progression(const JpegScan& scan) {
    image_.require(scan.first <= scan.last && scan.last < 64 && (scan.first > 0 || scan.last == 0) &&
                       (scan.first == 0 || scan.parts.size() == 1),
                   "the scan at byte {} contains coefficients {} to {} of {} components", scan.begin, scan.first,
                   scan.last, scan.parts.size());
    image_.require(scan.low <= kMaxLowBits && (scan.high == 0 || scan.low == scan.high - 1),
                   "the scan at byte {} goes from bit {} to bit {}", scan.begin, scan.high, scan.low);
    for (const JpegScan::Part& part : scan.parts) {
      JpegComponent& component = *part.component;
      image_.require(scan.first == 0 || component.bits_left[0] != kUncoded,
                     "the scan at byte {} precedes the first scan of component {}", scan.begin, component.id);
      for (int i = scan.first; i <= scan.last; ++i) {
        int& left = component.bits_left[static_cast<size_t>(i)];
        image_.require(left == (scan.high == 0 ? kUncoded : scan.high),
                       "the scan at byte {} continues at bit {} of coefficient {} of component {}, expected bit {}",
                       scan.begin, scan.high, i, component.id, left);
        left = scan.low;
      }
      if (scan.first > 0)
        component.nonzero.resize(static_cast<size_t>(component.padded_rows * component.padded_columns));
    }
  }

  void count_units(JpegScan& scan) {
    if (scan.parts.size() == 1) {
      const JpegComponent& component = *scan.parts[0].component;
      scan.units = component.rows * component.columns;
    } else {
      scan.units = frame_->unit_rows * frame_->unit_columns;
      int64_t in_unit = 0;
      for (JpegScan::Part& part : scan.parts)
        in_unit += part.blocks = int64_t{part.component->horizontal} * part.component->vertical;
      image_.require(in_unit <= kMaxBlocksInUnit, "the scan at byte {} has {} blocks per unit, expected at most {}",
                     scan.begin, in_unit, kMaxBlocksInUnit);
    }
    int64_t all = 0;
    for (const JpegComponent& component : frame_->components) all += component.padded_rows * component.padded_columns;
    for (const JpegScan::Part& part : scan.parts) passed_blocks_ += scan.units * part.blocks;
    image_.require(passed_blocks_ <= kMaxPasses * all, "its scans up to byte {} pass over the image more than {} times",
                   scan.begin, kMaxPasses);
  }

  void check_end() const {
    image_.require(frame_.has_value(), "it ends without a frame header");
    if (frame_->components.size() == 4 && !adobe_)
      image_.fail_unsupported("it has four components and does not declare their colors");
    for (const JpegComponent& component : frame_->components) {
      image_.require(component.scanned, "it ends at byte {} without a scan of component {}", at_, component.id);
      if (!frame_->progressive) continue;
      for (size_t i = 0; i < component.bits_left.size(); ++i)
        image_.require(
            component.bits_left[i] == 0,
            "it ends at byte {0} without all of its scans: {3} of coefficient {2} of component {1} are missing", at_,
            component.id, i, component.bits_left[i] == kUncoded ? "all bits" : "some bits");
    }
  }

  // The bytes without the stray ones; empty if there are none.
  std::string repaired() const {
    std::string bytes;
    size_t at = 0;
    for (const ByteRange& range : stray_) {
      bytes += image_.bytes().substr(at, range.begin - at);
      at = range.end;
    }
    if (!stray_.empty()) bytes += image_.bytes().substr(at, at_ - at);
    return bytes;
  }

  EncodedImage image_;
  size_t at_ = 0;
  int orientation_ = kUpright;
  bool adobe_ = false;
  int64_t restart_interval_ = 0, passed_blocks_ = 0;
  std::array<bool, kMaxTables> quantized_{};
  std::array<JpegHuffmanTable, kMaxTables> dc_, ac_;
  std::optional<JpegFrame> frame_;
  std::vector<ByteRange> stray_;  // in order
};

}  // namespace

CheckedJpeg check_jpeg(std::string_view bytes, const std::filesystem::path& path) {
  return JpegChecker(bytes, path).run();
}

}  // namespace cofactor
