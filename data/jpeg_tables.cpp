#include "data/jpeg_tables.h"

#include <cstdint>

#include "engine/error.h"

namespace cofactor {

namespace {

// Markers of ITU-T T.81, table B.1: each is a byte 0xFF and one of these.
constexpr int kStartOfImage = 0xD8, kEndOfImage = 0xD9, kHuffmanTables = 0xC4;
constexpr size_t kCodeLengths = 16;  // how many symbols have codes of 1, 2, .. 16 bits
constexpr size_t kMostSymbols = 256;

// Steps through a JPEG's markers as a decoder does. Where the two could part, the decoder gives up: what it takes for a
// table is one here.
class JpegMarkers {
 public:
  explicit JpegMarkers(std::string_view bytes) : bytes_(bytes) {}
  size_t at() const { return at_; }
  bool ended() const { return at_ >= bytes_.size(); }
  size_t byte(size_t at) const { return at < bytes_.size() ? static_cast<uint8_t>(bytes_[at]) : 0; }

  // The next marker from here on, behind which this then stands; 0 where there is none. Fill bytes before it, entropy-
  // coded data, where 0xFF is followed by 0 or a restart marker (0xD0 to 0xD7), and stray bytes are passed over.
  int next() {
    while (!ended()) {
      if (byte(at_++) != 0xFF) continue;
      while (byte(at_) == 0xFF) ++at_;
      const auto marker = static_cast<int>(byte(at_));
      if (marker == 0 || (marker >= 0xD0 && marker <= 0xD7)) continue;
      ++at_;
      return marker;
    }
    return 0;
  }
  // The length of the segment here, its two own bytes included, and the step to its end.
  size_t segment_length() const { return byte(at_) << 8 | byte(at_ + 1); }
  void step(size_t bytes) { at_ += bytes; }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

// The segment of tables that begins at `begin`: for each a byte that names it, 16 counts and so many symbols.
void check_tables(const JpegMarkers& markers, size_t begin, size_t length, const std::filesystem::path& path) {
  for (size_t at = begin + 2; at < begin + length;) {
    size_t symbols = 0;
    for (size_t i = 1; i <= kCodeLengths; ++i) symbols += markers.byte(at + i);
    check(symbols <= kMostSymbols, "image: '{}' is damaged: the Huffman table at byte {} has {} symbols, more than {}",
          path.string(), at, symbols, kMostSymbols);
    at += 1 + kCodeLengths + symbols;
  }
}

}  // namespace

void check_jpeg_tables(std::string_view bytes, const std::filesystem::path& path) {
  JpegMarkers markers(bytes);
  if (!bytes.starts_with('\xFF') || markers.next() != kStartOfImage) return;
  for (int marker = markers.next(); marker != 0 && marker != kEndOfImage; marker = markers.next()) {
    const size_t length = markers.segment_length();
    if (marker == kHuffmanTables) check_tables(markers, markers.at(), length, path);
    markers.step(length);  // a scan's header likewise; its data are passed over by next()
  }
}

}  // namespace cofactor
