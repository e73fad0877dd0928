#include "engine/io/safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <utility>

#include "engine/backend.h"
#include "engine/io/file.h"
#include "engine/io/file_kind.h"
#include "engine/io/json.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

static_assert(std::endian::native == std::endian::little, "safetensors files hold little-endian values");

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeader = 100'000'000;  // the format's own limit, against absurd allocations
constexpr std::string_view kMetadata = "__metadata__";
constexpr size_t kMaxListed = 20;  // names in a message

std::string_view file_dtype(DType dtype) {
  switch (dtype) {
    case DType::f32: return "F32";
    case DType::f64: return "F64";
    case DType::bf16: return "BF16";
    case DType::i32: return "I32";
    case DType::u8: return "U8";
  }
  return "?";
}

// What the header says of one tensor.
struct Entry {
  std::string name;
  DType dtype = DType::f32;  // in memory
  bool narrowed = false;     // I64 in the file
  bool widened = false;      // F16 in the file
  Shape shape;
  uint64_t begin = 0, end = 0;  // of its bytes, counted from the end of the header

  uint64_t element_size() const { return narrowed ? sizeof(int64_t) : widened ? sizeof(uint16_t) : size_of(dtype); }
};

// ---- reading. `where` is "safetensors: '<path>'" in every error.

// The header's length. The first bytes of a file of another kind would be an absurd length; the Error names the kind.
uint64_t read_length(std::string_view contents, const std::string& where) {
  uint64_t length = 0;
  for (size_t i = 0; i < std::min(contents.size(), kLengthBytes); ++i)
    length |= uint64_t{static_cast<unsigned char>(contents[i])} << (8 * i);
  const uint64_t rest = contents.size() - std::min(contents.size(), kLengthBytes);
  const bool plausible = contents.size() > kLengthBytes && length <= rest && contents[kLengthBytes] == '{';
  if (!plausible) {
    const std::string kind = foreign_kind(contents, Wanted::weights);
    check(kind.empty(), "{} is not a safetensors file but {}", where, kind);
  }
  check(contents.size() >= kLengthBytes, "{}: {} bytes are too few to hold a header's length", where, contents.size());
  check(length <= kMaxHeader, "{} is not a safetensors file: the header's length is {}, the format allows {}", where,
        length, kMaxHeader);
  check(length <= rest, "{}: the header's length is {}, but only {} bytes follow: the file is cut short", where, length,
        rest);
  return length;
}

Json parse_header(std::string_view text, const std::string& where) {
  Json header;
  try {
    header = parse_json(text);
  } catch (const Error& error) {
    fail("{}: the header of {} bytes: {}", where, text.size(), error.what());
  }
  check(header.is_object(), "{}: the header is a JSON {}, expected an object", where, header.type_name());
  return header;
}

void read_dtype(const Json& value, const std::string& where, Entry& entry) {
  const std::string name = value.is_string() ? value.get<std::string>() : write_json(value);
  entry.narrowed = name == "I64";
  entry.widened = name == "F16";
  if (entry.narrowed || entry.widened) {
    entry.dtype = entry.narrowed ? DType::i32 : DType::f32;
    return;
  }
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i32, DType::u8}) {
    entry.dtype = dtype;
    if (name == file_dtype(dtype)) return;
  }
  fail("{}: tensor '{}' is {}, expected F32, F64, F16, BF16, I32, I64 or U8", where, legible(entry.name),
       legible(name));
}

// The shape, and the bytes it takes in the file.
uint64_t read_shape(const Json& value, const std::string& where, Entry& entry) {
  check(value.is_array(), "{}: tensor '{}' has the shape {}, expected a list", where, entry.name,
        legible(write_json(value)));
  check(value.size() <= Shape::kMaxRank, "{}: tensor '{}' has {} axes, expected at most {}", where, entry.name,
        value.size(), Shape::kMaxRank);
  bool fits = true;
  int64_t bytes = static_cast<int64_t>(entry.element_size());
  int64_t volume = 1;  // without the zeros, which would hide an absurd extent beside them
  for (const Json& extent : value) {
    check(extent.is_number_unsigned(), "{}: tensor '{}' has an extent of {}, expected a whole number", where,
          entry.name, write_json(extent));
    const auto number = extent.get<uint64_t>();
    fits &= number <= uint64_t{std::numeric_limits<int64_t>::max()};
    fits = fits && !__builtin_mul_overflow(volume, static_cast<int64_t>(std::max<uint64_t>(number, 1)), &volume);
    check(fits, "{}: tensor '{}' has the impossible shape {}", where, entry.name, write_json(value));
    entry.shape.push_back(static_cast<int64_t>(number));
  }
  fits = !__builtin_mul_overflow(bytes, entry.shape.numel(), &bytes);
  check(fits, "{}: tensor '{}' has the impossible shape {}", where, entry.name, write_json(value));
  return static_cast<uint64_t>(bytes);
}

Entry read_entry(const std::string& name, const Json& value, uint64_t data_size, const std::string& where) {
  Entry entry;
  entry.name = name;
  check(value.is_object() && value.contains("dtype") && value.contains("shape") && value.contains("data_offsets"),
        "{}: tensor '{}' needs dtype, shape and data_offsets", where, legible(name));
  read_dtype(value["dtype"], where, entry);
  const uint64_t bytes = read_shape(value["shape"], where, entry);
  const Json& offsets = value["data_offsets"];
  check(offsets.is_array() && offsets.size() == 2 && offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned(),
        "{}: tensor '{}' has the data_offsets {}, expected [begin, end]", where, name, write_json(offsets));
  entry.begin = offsets[0].get<uint64_t>();
  entry.end = offsets[1].get<uint64_t>();
  check(entry.begin <= entry.end && entry.end <= data_size,
        "{}: tensor '{}' has the data_offsets {}, but there are {} bytes of data{}", where, legible(name),
        write_json(offsets), data_size,
        entry.begin <= entry.end ? ": the file is cut short, or the header is wrong" : "");
  check(entry.end - entry.begin == bytes, "{}: tensor '{}' has {} bytes, its shape {} in {} takes {}", where, name,
        entry.end - entry.begin, entry.shape, value["dtype"].get<std::string>(), bytes);
  return entry;
}

// The tensors' bytes cover the data without gaps.
void check_coverage(const std::vector<Entry>& entries, uint64_t data_size, const std::string& where) {
  uint64_t covered = 0;
  for (const Entry& entry : entries) {
    check(entry.begin >= covered, "{}: tensor '{}' begins at byte {} and overlaps the one before it, which ends at {}",
          where, entry.name, entry.begin, covered);
    check(entry.begin == covered, "{}: bytes {} to {} of the data, before tensor '{}', belong to no tensor", where,
          covered, entry.begin, entry.name);
    covered = entry.end;
  }
  check(covered == data_size, "{}: {} bytes after the last tensor belong to no tensor", where, data_size - covered);
}

// An IEEE half: a sign, 5 bits of exponent, 10 of fraction. Every one is an f32.
float from_half(uint16_t bits) {
  const float sign = bits >> 15 ? -1.0f : 1.0f;
  const int exponent = bits >> 10 & 0x1f;
  const int fraction = bits & 0x3ff;
  if (exponent == 0x1f) return fraction ? std::numeric_limits<float>::quiet_NaN() : sign * INFINITY;
  return sign * (exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                               : std::ldexp(static_cast<float>(fraction + 0x400), exponent - 25));
}

Tensor read_halves(const Entry& entry, const char* bytes, Device device) {
  std::vector<float> values(static_cast<size_t>(entry.shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half;
    std::copy_n(bytes + i * sizeof(half), sizeof(half), reinterpret_cast<char*>(&half));
    values[i] = from_half(half);
  }
  return Tensor::from(values, entry.shape, device);
}

Tensor read_tensor(const Entry& entry, const char* bytes, Device device, const std::string& where) {
  if (entry.widened) return read_halves(entry, bytes, device);
  if (!entry.narrowed) {
    const Tensor tensor = Tensor::empty(entry.shape, entry.dtype, device);
    tensor.backend().copy_from_host(tensor.raw_data(), bytes, tensor.nbytes());
    return tensor;
  }
  std::vector<int32_t> values(static_cast<size_t>(entry.shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) {
    int64_t wide;
    std::copy_n(bytes + i * sizeof(wide), sizeof(wide), reinterpret_cast<char*>(&wide));
    values[i] = static_cast<int32_t>(wide);
    check(values[i] == wide, "{}: tensor '{}' holds {} at element {}, which i32 cannot hold", where, entry.name, wide,
          i);
  }
  return Tensor::from(values, entry.shape, device);
}

std::map<std::string, std::string> read_metadata(const Json& value, const std::string& where) {
  check(value.is_object(), "{}: {} is not a JSON object", where, kMetadata);
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    check(text.is_string(), "{}: {} has {} under '{}', expected a string", where, kMetadata, legible(write_json(text)),
          legible(key));
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

// ---- writing

// The tensors in the order of their bytes: largest elements first, so that every tensor begins at a multiple of its
// element size, as readers that map the file need.
std::vector<NamedTensor> aligned_order(std::vector<NamedTensor> tensors) {
  std::ranges::stable_sort(tensors, std::greater{},
                           [](const NamedTensor& named) { return size_of(named.tensor.dtype()); });
  return tensors;
}

std::string make_header(const std::vector<NamedTensor>& tensors, const std::map<std::string, std::string>& metadata,
                        const std::string& where) {
  std::string text = "{";  // written key by key: the order is ours, and the bytes are the same each time
  auto append = [&](const std::string& key, const Json& value) {
    text += fmt::format("{}{}:{}", text.size() > 1 ? "," : "", write_json(key), write_json(value));
  };
  try {
    if (!metadata.empty()) append(std::string(kMetadata), metadata);
    uint64_t offset = 0;
    for (const auto& [name, tensor] : tensors) {
      const auto& shape = tensor.shape();
      append(name, {{"dtype", file_dtype(tensor.dtype())},
                    {"shape", std::vector<int64_t>(shape.begin(), shape.end())},
                    {"data_offsets", {offset, offset + tensor.nbytes()}}});
      offset += tensor.nbytes();
    }
  } catch (const Error& error) {
    fail("{}: a name or metadata: {}", where, error.what());
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  check(text.size() <= kMaxHeader, "{}: the header takes {} bytes, the format allows {}", where, text.size(),
        kMaxHeader);
  return text;
}

}  // namespace

const Tensor& SafetensorsFile::at(const std::string& name) const {
  const auto found = std::ranges::find(tensors, name, &NamedTensor::name);
  if (found != tensors.end()) return found->tensor;
  std::string names;
  for (size_t i = 0; i < std::min(tensors.size(), kMaxListed); ++i)
    names += (names.empty() ? "" : ", ") + legible(tensors[i].name);
  if (tensors.size() > kMaxListed) names += fmt::format(" and {} more", tensors.size() - kMaxListed);
  fail("safetensors: there is no tensor '{}'; the file has {}", name, names);
}

void save_safetensors(const std::filesystem::path& path, const SafetensorsFile& file) {
  const std::string where = fmt::format("safetensors: '{}'", path.string());
  std::set<std::string> names;
  for (const auto& [name, tensor] : file.tensors) {
    check(name != kMetadata, "{}: the name {} is the format's own", where, name);
    check(names.insert(name).second, "{}: two tensors are named '{}'", where, name);
    check(tensor.defined(), "{}: tensor '{}' is undefined", where, name);
  }
  const auto tensors = aligned_order(file.tensors);
  const std::string header = make_header(tensors, file.metadata, where);

  std::string contents;
  for (size_t i = 0; i < kLengthBytes; ++i) contents.push_back(static_cast<char>(header.size() >> (8 * i) & 0xff));
  contents += header;
  for (const auto& [name, tensor] : tensors) {
    const size_t offset = contents.size();
    contents.resize(offset + tensor.nbytes());
    tensor.backend().copy_to_host(contents.data() + offset, tensor.raw_data(), tensor.nbytes());
  }
  write_file_atomically(path, contents);
}

SafetensorsFile load_safetensors(const std::filesystem::path& path, Device device) {
  return parse_safetensors(read_file(path), path, device);
}

SafetensorsFile parse_safetensors(std::string_view contents, const std::filesystem::path& path, Device device) {
  const std::string where = fmt::format("safetensors: '{}'", path.string());
  const uint64_t length = read_length(contents, where);
  const uint64_t rest = contents.size() - kLengthBytes;

  const uint64_t data_size = rest - length;
  const char* data = contents.data() + kLengthBytes + length;
  const Json header = parse_header(contents.substr(kLengthBytes, length), where);
  SafetensorsFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      file.metadata = read_metadata(value, where);
    } else {
      entries.push_back(read_entry(name, value, data_size, where));
    }
  }
  std::ranges::sort(entries, {}, [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
  check_coverage(entries, data_size, where);
  for (const Entry& entry : entries) {
    file.tensors.push_back({entry.name, read_tensor(entry, data + entry.begin, device, where)});
    file.halves += entry.widened ? 1 : 0;
  }
  return file;
}

}  // namespace cofactor
