// Files: whole or not at all, and every lie in a safetensors header found.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <limits>

#include "engine/backend.h"
#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "tests/fixtures/errors.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

std::string file_bytes(const std::string& header, const std::string& data) {
  std::string bytes;
  for (size_t i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(header.size() >> (8 * i) & 0xff));
  return bytes + header + data;
}

// The error of loading a file with these bytes.
std::string load_error(const std::string& bytes) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "x.safetensors", bytes);
  const std::string error = error_of([&] { load_safetensors(folder / "x.safetensors", kHost); });
  if (!error.empty()) CHECK(contains(error, (folder / "x.safetensors").string()));
  return error;
}

std::string load_error(const std::string& header, size_t data_bytes) {
  return load_error(file_bytes(header, std::string(data_bytes, '\1')));
}

// One tensor's entry in a header.
std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":{}}})", name, dtype, shape, offsets);
}

std::string repeated(std::string_view text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

std::string object_of(const std::string& members) {
  return fmt::format("{{{}}}", members);
}

// While it lives, this process can write no file beyond so many bytes: a full disk, as far as write(2) tells.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &previous_);
    rlimit limit = previous_;
    limit.rlim_cur = bytes;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &previous_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit previous_{};
  void (*handler_)(int);
};

template <class T>
NamedTensor named(const std::string& name, const std::vector<T>& values, const Shape& shape, Device device = kHost) {
  return {name, Tensor::from(values, shape, device)};
}

}  // namespace

TEST_SUITE("unit") {
  TEST_CASE("files: written whole read back replaced") {
    const TemporaryFolder folder;
    const std::string first("one\0two", 7), second(200'000, 'x');
    write_file_atomically(folder / "a", first);
    CHECK(read_file(folder / "a") == first);
    write_file_atomically(folder / "a", second);
    CHECK(read_file(folder / "a") == second);
    write_file_atomically(folder / "empty", "");
    CHECK(read_file(folder / "empty").empty());
    CHECK(folder.count() == 2);
    const auto mode = std::filesystem::status(folder / "a").permissions();
    CHECK((mode & std::filesystem::perms::owner_read) != std::filesystem::perms::none);
  }

  TEST_CASE("files: a full disk leaves the old file and no temporary one") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "old");
    std::string error;
    {
      const FileSizeLimit limit(1000);
      error = error_of([&] { write_file_atomically(folder / "a", std::string(5000, 'x')); });
    }
    CHECK(contains(error, (folder / "a").string()));
    CHECK(contains(error, "after 1000 of 5000 bytes: File too large"));
    CHECK(read_file(folder / "a") == "old");
    CHECK(folder.count() == 1);
  }

  TEST_CASE("files: errors name the path and the system's reason") {
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", "old");
    std::filesystem::create_directory(folder / "full");
    write_file_atomically(folder / "full/b", "");

    CHECK(contains(error_of([&] { read_file(folder / "missing"); }), "missing' cannot be opened: No such file"));
    CHECK(contains(error_of([&] { read_file(folder.path()); }), "Is a directory"));
    CHECK(contains(error_of([&] { write_file_atomically(folder / "none/a", "x"); }), "No such file"));
    CHECK(contains(error_of([&] { write_file_atomically(folder / "a/b", "x"); }), "Not a directory"));
    CHECK(contains(error_of([&] { write_file_atomically(folder / "full", "x"); }), "cannot be put in place"));
    CHECK(contains(error_of([&] { write_file_atomically(folder / "full/", "x"); }), "names no file"));
    CHECK(folder.count() == 2);
  }

  TEST_CASE("files: a folder is made with its parents or refused") {
    const TemporaryFolder folder;
    ensure_writable_directory(folder / "x/y/z");
    ensure_writable_directory(folder / "x/y/z");
    CHECK(std::filesystem::is_directory(folder / "x/y/z"));
    CHECK(std::filesystem::is_empty(folder / "x/y/z"));
    write_file_atomically(folder / "file", "");
    CHECK(contains(error_of([&] { ensure_writable_directory(folder / "file"); }), "file"));
    CHECK(contains(error_of([&] { ensure_writable_directory(folder / "file/below"); }), "cannot be created"));
    CHECK(contains(error_of([&] { ensure_writable_directory("/proc"); }), "cannot be written to"));
  }

  TEST_CASE("safetensors: every dtype and shape comes back bitwise on every device") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    for (const Device device : available_devices()) {
      SafetensorsFile file;
      file.metadata = {{"epoch", "3"}, {"text", "a \"quoted\" line\nand \xc3\xa9"}};
      file.tensors = {named<uint8_t>("bytes", {0, 255, 7}, {3}, device),
                      named<bf16>("half", {bf16(1.5f), bf16(-0.0f)}, {1, 2}, device),
                      named<float>("net.0.weight", {1.0f, nan, -INFINITY, 1e-42f}, {2, 1, 2}, device),
                      named<double>("wide", {1.0 / 3.0}, {}, device),
                      named<int32_t>("counts", {-1, std::numeric_limits<int32_t>::max()}, {2}, device),
                      named<float>("none", {}, {0, 3}, device)};
      const TemporaryFolder folder;
      save_safetensors(folder / "a", file);
      const SafetensorsFile loaded = load_safetensors(folder / "a", device);
      CHECK(loaded.metadata == file.metadata);
      REQUIRE(loaded.tensors.size() == file.tensors.size());
      for (const auto& [name, tensor] : file.tensors) {
        CAPTURE(name);
        const Tensor& back = loaded.at(name);
        CHECK(back.shape() == tensor.shape());
        CHECK(back.dtype() == tensor.dtype());
        CHECK(back.device() == device);
        std::string left(tensor.nbytes(), '\0'), right(tensor.nbytes(), '\0');
        tensor.backend().copy_to_host(left.data(), tensor.raw_data(), left.size());
        back.backend().copy_to_host(right.data(), back.raw_data(), right.size());
        CHECK(left == right);
      }
      // Written again, the bytes are the same; so are those of another device.
      save_safetensors(folder / "b", loaded);
      CHECK(read_file(folder / "a") == read_file(folder / "b"));
    }
  }

  TEST_CASE("safetensors: the bytes are the format's") {
    const TemporaryFolder folder;
    save_safetensors(folder / "a", {{named<uint8_t>("b", {7}, {1}), named<int32_t>("a", {258, -1}, {2})}, {}});
    const std::string header =
        R"({"a":{"dtype":"I32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})";
    std::string padded = header;
    while (padded.size() % 8 != 0) padded += ' ';
    REQUIRE(padded != header);
    CHECK(read_file(folder / "a") == file_bytes(padded, std::string("\x02\x01\0\0\xff\xff\xff\xff\x07", 9)));
    CHECK(folder.count() == 1);
  }

  TEST_CASE("safetensors: an empty file of tensors is one") {
    const TemporaryFolder folder;
    save_safetensors(folder / "a", {});
    CHECK(load_safetensors(folder / "a", kHost).tensors.empty());
  }

  TEST_CASE("safetensors: what cannot be saved is an error") {
    const TemporaryFolder folder;
    const auto save_error = [&](const SafetensorsFile& file) {
      return error_of([&] { save_safetensors(folder / "a", file); });
    };
    const NamedTensor a = named<float>("a", {1.0f}, {1});
    CHECK(contains(save_error({{a, a}, {}}), "two tensors are named 'a'"));
    CHECK(contains(save_error({{{"__metadata__", a.tensor}}, {}}), "__metadata__"));
    CHECK(contains(save_error({{{"b", Tensor()}}, {}}), "'b' is undefined"));
    CHECK(contains(save_error({{{"\xff", a.tensor}}, {}}), "UTF-8"));
    CHECK(contains(save_error({{a}, {{"key", "\xff"}}}), "UTF-8"));
    CHECK(folder.count() == 0);
    {
      const FileSizeLimit limit(64);
      CHECK(contains(save_error({{a}, {}}), "File too large"));
    }
    CHECK(folder.count() == 0);
  }

  TEST_CASE("safetensors: I64 is read as i32 where it fits") {
    const std::string header = object_of(entry("n", "I64", "[2]", "[0,16]"));
    const std::string fits("\x05\0\0\0\0\0\0\0\xfe\xff\xff\xff\xff\xff\xff\xff", 16);
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", file_bytes(header, fits));
    CHECK(load_safetensors(folder / "a", kHost).at("n").to_vector<int32_t>() == std::vector<int32_t>{5, -2});
    std::string large = fits;
    large[12] = 0;  // far below i32
    CHECK(contains(load_error(file_bytes(header, large)), "at element 1, which i32 cannot hold"));
  }

  TEST_CASE("safetensors: F16 is read as f32 exactly") {
    const std::vector<std::pair<uint16_t, float>> halves{{0x0000, 0.0f},
                                                         {0x8000, -0.0f},
                                                         {0x3c00, 1.0f},
                                                         {0xc500, -5.0f},
                                                         {0x7bff, 65504.0f},
                                                         {0x3555, 0.333251953125f},
                                                         {0x0001, 5.9604644775390625e-8f},
                                                         {0x03ff, 6.0975551605224609375e-5f},
                                                         {0x0400, 6.103515625e-5f},
                                                         {0x7c00, INFINITY},
                                                         {0xfc00, -INFINITY}};
    std::string data;
    for (const auto& [bits, value] : halves) data += {static_cast<char>(bits & 0xff), static_cast<char>(bits >> 8)};
    data += std::string("\x01\x7e", 2);  // NaN
    const TemporaryFolder folder;
    write_file_atomically(folder / "a", file_bytes(object_of(entry("h", "F16", "[3,4]", "[0,24]")), data));
    const SafetensorsFile file = load_safetensors(folder / "a", kHost);
    CHECK(file.halves == 1);
    CHECK(file.at("h").shape() == Shape{3, 4});
    const std::vector<float> values = file.at("h").to_vector<float>();
    for (size_t i = 0; i < halves.size(); ++i) {
      CAPTURE(i);
      CHECK(values[i] == halves[i].second);
      CHECK(std::signbit(values[i]) == std::signbit(halves[i].second));
    }
    CHECK(std::isnan(values.back()));
  }

  TEST_CASE("safetensors: a file of another kind is told what it is") {
    CHECK(contains(load_error(""), "is not a safetensors file but empty"));
    CHECK(contains(
        load_error("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 46830571\n"),
        "' is not a safetensors file but a Git LFS pointer, which stands for a file of 46830571 bytes; git lfs "
        "pull fetches that"));
    CHECK(
        contains(load_error(std::string("PK\x03\x04\0\0\x08\x08\0\0", 10) + std::string(20, '\0') + "archive/data.pkl"),
                 "but what PyTorch's torch.save writes (.pt, .pth, .bin); python3 -c"));
    // A zip archive whose flags are zero gives a length that the format allows.
    CHECK(contains(load_error(std::string("PK\x03\x04\0\0\0\0", 8) + std::string(100, 'x')), "but a zip archive"));
    CHECK(contains(load_error("\x7b\x22metadata\x22: {\"total_size\": 9}, \"weight_map\": {}}"),
                   "but the index of weights that are spread over several files"));
    CHECK(contains(load_error("not weights at all"),
                   "is not a safetensors file: the header's length is 7451598620781211502"));
  }

  TEST_CASE("safetensors: twenty thousand tensors are read in time") {
    std::string header;
    for (size_t i = 0; i < 20'000; ++i)
      header += (i ? "," : "") + entry(fmt::format("t{}", i), "U8", "[1]", fmt::format("[{},{}]", i, i + 1));
    CHECK(load_error(object_of(header), 20'000).empty());
  }

  TEST_CASE("safetensors: a file cut short anywhere is an error") {
    const TemporaryFolder folder;
    save_safetensors(folder / "a", {{named<float>("w", {1.0f, 2.0f, 3.0f}, {3})}, {{"k", "v"}}});
    const std::string bytes = read_file(folder / "a");
    for (size_t length = 0; length < bytes.size(); ++length) {
      CAPTURE(length);
      CHECK_FALSE(load_error(bytes.substr(0, length)).empty());
    }
    CHECK(contains(load_error(bytes + '\0'), "1 bytes after the last tensor"));
  }

  TEST_CASE("safetensors: a header that lies is an error that says how") {
    const std::string w = entry("w", "F32", "[2]", "[0,8]");
    REQUIRE(load_error(object_of(w), 8).empty());

    // The header's length.
    const auto with_length = [](uint64_t length) {
      std::string bytes;
      for (size_t i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(length >> (8 * i) & 0xff));
      return bytes + "{}";
    };
    CHECK(contains(load_error(with_length(3)), "the header's length is 3, but only 2 bytes follow"));
    CHECK(contains(load_error(with_length(100'000'001)), "the format allows 100000000"));
    CHECK(contains(load_error(with_length(~uint64_t{0})), "18446744073709551615"));
    CHECK(contains(load_error(with_length(0)), "not valid JSON"));

    struct Case {
      std::string says, header;
      size_t data = 8;
    };
    const std::vector<Case> cases{
        {"not valid JSON", object_of(w).substr(0, 20)},
        {"not valid JSON", "\xff\xfe"},
        {"not valid JSON", object_of(w) + " x"},
        {"deeper than 64 levels", std::string(100'000, '[')},
        {"deeper than 64 levels", R"({"w":)" + std::string(117'000, '[')},
        {"more than 1000000 values", R"({"w":[)" + repeated("1,", 1'000'001) + "1]}"},
        {"the header is a JSON array, expected an object", "[1]"},
        {"the key 'w' is repeated", object_of(w + "," + entry("w", "F32", "[2]", "[0,8]"))},
        {"the key 'dtype' is repeated", R"({"w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}})"},
        {"needs dtype, shape and data_offsets", R"({"w":{"dtype":"F32","shape":[2]}})"},
        {"needs dtype, shape and data_offsets", R"({"w":3})"},
        {"'w' is F8_E4M3, expected F32, F64, F16", object_of(entry("w", "F8_E4M3", "[8]", "[0,8]"))},
        {"'w' is BOOL, expected", object_of(entry("w", "BOOL", "[8]", "[0,8]"))},
        {"has 8 bytes, its shape (2) in F16 takes 4", object_of(entry("w", "F16", "[2]", "[0,8]"))},
        {"'w' is 32, expected", R"({"w":{"dtype":32,"shape":[2],"data_offsets":[0,8]}})"},
        {"the shape \"2\"", R"({"w":{"dtype":"F32","shape":"2","data_offsets":[0,8]}})"},
        {"an extent of -2", object_of(entry("w", "F32", "[-2]", "[0,8]"))},
        {"an extent of 2.0", object_of(entry("w", "F32", "[2.0]", "[0,8]"))},
        {"7 axes", object_of(entry("w", "F32", "[1,1,1,1,1,1,2]", "[0,8]"))},
        {"impossible shape", object_of(entry("w", "F32", "[4294967296,4294967296,2]", "[0,8]"))},
        {"impossible shape", object_of(entry("w", "F32", "[4611686018427387904]", "[0,0]"))},
        {"impossible shape", object_of(entry("w", "F32", "[18446744073709551615]", "[0,8]"))},
        {"impossible shape", object_of(entry("w", "F32", "[0,4294967296,4294967296]", "[0,0]"))},
        {"expected [begin, end]", object_of(entry("w", "F32", "[2]", "[0,8,8]"))},
        {"expected [begin, end]", object_of(entry("w", "F32", "[2]", "[-8,0]"))},
        {"expected [begin, end]", object_of(entry("w", "F32", "[2]", "8"))},
        {"there are 8 bytes of data", object_of(entry("w", "F32", "[2]", "[8,16]"))},
        {"there are 8 bytes of data", object_of(entry("w", "F32", "[2]", "[8,0]"))},
        {"has 8 bytes, its shape (3) in F32 takes 12", object_of(entry("w", "F32", "[3]", "[0,8]"))},
        {"has 8 bytes, its shape (2) in F64 takes 16", object_of(entry("w", "F64", "[2]", "[0,8]"))},
        {"overlaps", object_of(w + "," + entry("v", "F32", "[2]", "[4,12]")), 12},
        {"overlaps", object_of(w + "," + entry("v", "F32", "[2]", "[0,8]"))},
        {"overlaps", object_of(w + "," + entry("v", "U8", "[0]", "[4,4]"))},
        {"bytes 8 to 12 of the data, before tensor 'v'", object_of(w + "," + entry("v", "F32", "[1]", "[12,16]")), 16},
        {"bytes 0 to 4", object_of(entry("v", "F32", "[1]", "[4,8]"))},
        {"4 bytes after the last tensor", object_of(w), 12},
        {"8 bytes after the last tensor", "{}"},
        {"__metadata__ is not a JSON object", R"({"__metadata__":3,)" + w + "}"},
        {"__metadata__ has 3 under 'k'", R"({"__metadata__":{"k":3},)" + w + "}"}};
    for (const Case& lie : cases) {
      CAPTURE(lie.says);
      const std::string error = load_error(lie.header, lie.data);
      CAPTURE(error);
      CHECK(contains(error, lie.says));
    }
  }

  TEST_CASE("safetensors: a missing tensor's error lists those there are") {
    const SafetensorsFile file{{named<float>("a", {1.0f}, {1}), named<float>("b", {1.0f}, {1})}, {}};
    CHECK(file.at("b").is_same(file.tensors[1].tensor));
    CHECK(contains(error_of([&] { file.at("c"); }), "there is no tensor 'c'; the file has a, b"));
    CHECK(contains(error_of([] { load_safetensors("/nowhere/x", kHost); }), "/nowhere/x"));
  }
}

}  // namespace cofactor::testing
