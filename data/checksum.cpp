#include "data/checksum.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>

#include "engine/error.h"

namespace cofactor {

uint64_t checksum_of(const void* bytes, size_t size) {
  return XXH3_64bits(bytes, size);
}

std::string checksum_text(uint64_t checksum) {
  return fmt::format("{:016x}", checksum);
}

bool read_checksum(std::string_view text, uint64_t& checksum) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), checksum, 16);
  return text.size() == 16 && error == std::errc() && end == text.data() + text.size();
}

struct Checksum::State {
  State() { check(hash != nullptr, "checksum: out of memory for its state"); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { XXH3_freeState(hash); }

  XXH3_state_t* hash = XXH3_createState();
};

Checksum::Checksum() : state_(std::make_unique<State>()) {
  XXH3_64bits_reset(state_->hash);
}

Checksum::~Checksum() = default;

void Checksum::mix(std::string_view text) {
  mix(uint64_t{text.size()});
  mix_bytes(text.data(), text.size());
}

void Checksum::mix_bytes(const void* bytes, size_t size) {
  XXH3_64bits_update(state_->hash, bytes, size);
}

uint64_t Checksum::value() const {
  return XXH3_64bits_digest(state_->hash);
}

}  // namespace cofactor
