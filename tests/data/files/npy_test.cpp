#include "data/files/npy.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <limits>

#include "tests/fixtures/errors.h"
#include "tests/fixtures/process.h"
#include "tests/fixtures/temporary_folder.h"

namespace cofactor::testing {

namespace {

constexpr const char* kHead = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";

std::string npy(const std::string& head, const std::string& elements = "", char major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {major, '\0', static_cast<char>(head.size() & 0xFF), static_cast<char>(head.size() >> 8)};
  if (major > 1) bytes += std::string(2, '\0');
  return bytes + head + elements;
}

std::string header_error(const std::string& head) {
  return error_of([&] { parse_npy_header(npy(head), "x.npy"); });
}

std::string with(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + "}";
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace

TEST_SUITE("data") {
  TEST_CASE("the three formats of NumPy arrays are read and their rows converted") {
    const TemporaryFolder folder;
    for (const char major : {'\1', '\2', '\3'}) {
      for (const char* end : {"", " \n", "        \n"}) {
        write_file_atomically(folder / "x.npy",
                              npy(kHead + std::string(end), bytes_of<float>({1, 2, 3, 4, 5, 6}), major));
        const NpyArray array(folder / "x.npy");
        CHECK(array.type() == NpyType::f4);
        CHECK(array.shape() == std::vector<int64_t>{2, 3});
        CHECK(array.shape_text() == "(2, 3)");
        CHECK(array.rows() == 2);
        CHECK(array.row(1) == bytes_of<float>({4, 5, 6}));
        std::vector<double> row(3);
        array.read_row(1, row);
        CHECK(row == std::vector<double>{4, 5, 6});
        CHECK(contains(error_of([&] { array.row(2); }), "x.npy': row 2 of 2"));
        CHECK(contains(error_of([&] { array.row(-1); }), "x.npy': row -1 of 2"));
        row.resize(2);
        CHECK(contains(error_of([&] { array.read_row(1, row); }), "room for 2 values, rows have 3"));
        CHECK(contains(error_of([&] { array.whole_numbers(); }), "elements of type f4, expected whole numbers"));
      }
    }
  }

  TEST_CASE("labels of every whole type of NumPy are read") {
    const TemporaryFolder folder;
    const auto read = [&](const char* descr, const std::string& bytes, int size) {
      write_file_atomically(folder / "y.npy", npy(with(descr, "False", "(" + std::to_string(size) + ",)"), bytes));
      return NpyArray(folder / "y.npy").whole_numbers();
    };
    using Numbers = std::vector<int64_t>;
    CHECK(read("'|i1'", bytes_of<int8_t>({-128, 127}), 2) == Numbers{-128, 127});
    CHECK(read("'<i2'", bytes_of<int16_t>({-32768, 7}), 2) == Numbers{-32768, 7});
    CHECK(read("'<i4'", bytes_of<int32_t>({-5, 1 << 30}), 2) == Numbers{-5, 1 << 30});
    CHECK(read("'<i8'", bytes_of<int64_t>({-5, int64_t{1} << 40}), 2) == Numbers{-5, int64_t{1} << 40});
    CHECK(read("'|u1'", bytes_of<uint8_t>({255}), 1) == Numbers{255});
    CHECK(read("'<u2'", bytes_of<uint16_t>({65535}), 1) == Numbers{65535});
    CHECK(read("'<u4'", bytes_of<uint32_t>({4294967295U}), 1) == Numbers{4294967295});
    CHECK(read("'<u8'", bytes_of<uint64_t>({7}), 1) == Numbers{7});
    CHECK(contains(error_of([&] {
                     read("'<u8'", bytes_of<uint64_t>({1, ~uint64_t{0}}), 2);
                   }),
                   "the element 1 is 18446744073709551615, which is too large"));
    CHECK(read("'<i8'", "", 0).empty());
  }

  TEST_CASE("arrays that are not in the supported form are refused by name") {
    CHECK(contains(header_error(with("'>f4'", "False", "(2,)")), "x.npy: the NumPy array is big endian ('>f4')"));
    CHECK(contains(header_error(with("'<f4'", "True", "(2,)")), "x.npy: the NumPy array is in Fortran order"));
    CHECK(contains(header_error(with("'|O'", "False", "(2,)")), "x.npy: the NumPy array holds Python objects"));
    CHECK(contains(header_error(with("[('a', '<f4')]", "False", "(2,)")), "a structured array"));
    CHECK(contains(header_error(with("'<f2'", "False", "(2,)")), "half precision; save x.astype('float32')"));
    for (const char* type : {"'<U5'", "'<c8'", "'|b1'", "'|S3'", "'<M8[ns]'", "'f4'", "'=f4'", "''", "'<'"})
      CHECK(contains(header_error(with(type, "False", "(2,)")), "expected one of f4, f8, i1"));
  }

  TEST_CASE("a header that is not NumPy's is an error with what was found") {
    CHECK(header_error(kHead).empty());
    CHECK(header_error("{\"shape\":(2,3),'fortran_order':False,'descr':'<f8'}").empty());
    CHECK(header_error(with("'<f4'", "False", "()")).empty());
    CHECK(header_error(with("'<f4'", "False", "(3,)")).empty());
    CHECK(contains(header_error(with("'<f4'", "False", "(3)")), "expected ','"));
    CHECK(contains(header_error(with("'<f4'", "False", "(3 4)")), "expected ',' or ')'"));
    for (const char* shape : {"(-3,)", "(a,)", "(,)", "(3,,4)", "(99999999999999999999,)", "(0x3,)", "(3.0,)"})
      CHECK(contains(header_error(with("'<f4'", "False", shape)), ", expected "));
    CHECK(contains(header_error(with("'<f4'", "false", "(3,)")), "expected True or False"));
    CHECK(contains(header_error(with("'<f4", "False", "(3,)")), "has elements of type '<f4, '"));
    CHECK(contains(header_error("{'descr': '<f4', 'shape': (3,)}"), "lacks fortran_order"));
    CHECK(contains(header_error("{'descr': '<f4', 'descr': '<f4'}"), "has the key 'descr', expected"));
    CHECK(contains(header_error("{'descr': '<f4', 'other': 1}"), "has the key 'other', expected"));
    CHECK(contains(header_error(std::string(kHead) + "x"), "has 'x' at byte 59, expected its end"));
    CHECK(contains(header_error(""), "expected '{'"));
    CHECK(contains(header_error("{"), "expected a string in quotes"));
    CHECK(contains(header_error("{}"), "lacks descr"));
    CHECK(contains(header_error(with("'<f4'", "False", "(4611686018427387904, 2)")), "more bytes than can be counted"));
    CHECK(contains(header_error(with("'<f4'", "False", "(0, 9223372036854775807)")), "more bytes than can be counted"));
    std::string axes = "(";
    for (int i = 0; i < 33; ++i) axes += "1,";
    CHECK(contains(header_error(with("'<f4'", "False", axes + ")")), "more than 32 axes"));
    const auto start_error = [](std::string_view bytes) { return error_of([&] { parse_npy_header(bytes, "x.npy"); }); };
    CHECK(start_error("") == "x.npy: not a NumPy array (.npy): it begins with ''");
    CHECK(contains(start_error("PK\x03\x04"), "as .npz archives do"));
    CHECK(start_error("\x93NUMPY\x01") == "x.npy: the NumPy array ends after 7 bytes, inside its header");
    CHECK(start_error(npy(kHead).substr(0, 20)) ==
          "x.npy: the NumPy array ends after 20 bytes, inside its header of 69");
    CHECK(contains(start_error(npy(kHead, "", 4)), "has format 4.0, expected 1.0, 2.0 or 3.0"));
    CHECK(contains(start_error(std::string("\x93NUMPY\x02\0\0\0\0\x7F", 12)), "header has 2130706432 bytes"));
  }

  TEST_CASE("an array whose file is too short or too long is an error with both sizes") {
    const TemporaryFolder folder;
    const auto open = [&](const std::string& elements) {
      write_file_atomically(folder / "x.npy", npy(kHead, elements));
      return error_of([&] { NpyArray(folder / "x.npy"); });
    };
    CHECK(contains(open(std::string(23, '\0')),
                   "x.npy': 23 bytes of elements, but an array of shape (2, 3) and type f4 has 24; the file is cut"));
    CHECK(contains(open(std::string(25, '\0')), "has 24; the file holds more than one array"));
    CHECK(open(std::string(24, '\0')).empty());
    const NpyArray array(folder / "x.npy");
    CHECK(::truncate((folder / "x.npy").c_str(), 40) == 0);
    CHECK(contains(error_of([&] { array.row(0); }), "was written to while it was in use"));
    write_file_atomically(folder / "one.npy", npy(with("'<f4'", "False", "()"), std::string(4, '\0')));
    CHECK(NpyArray(folder / "one.npy").rows() == 1);
    write_file_atomically(folder / "none.npy", npy(with("'<f4'", "False", "(0, 3)")));
    CHECK(NpyArray(folder / "none.npy").rows() == 0);
    CHECK(contains(error_of([&] { NpyArray(folder / "absent.npy"); }), "absent.npy' cannot be opened"));
  }

  TEST_CASE("arrays are written whole or not at all and read back") {
    const TemporaryFolder folder;
    const std::vector<double> values = {1.5, -2, std::numeric_limits<double>::infinity(), 1e-310, 0.1, 6};
    write_npy<double>(folder / "x.npy", values, {3, 2});
    const NpyArray array(folder / "x.npy");
    CHECK(array.shape() == std::vector<int64_t>{3, 2});
    std::vector<double> row(2);
    array.read_row(1, row);
    CHECK(row == std::vector<double>{values[2], values[3]});
    CHECK(read_file(folder / "x.npy").size() == 128 + 48);
    const std::vector<int64_t> numbers = {-1, int64_t{1} << 60};
    write_npy<int64_t>(folder / "y.npy", numbers, {2});
    CHECK(NpyArray(folder / "y.npy").whole_numbers() == numbers);
    write_npy<float>(folder / "empty.npy", {}, {0, 7});
    CHECK(NpyArray(folder / "empty.npy").shape() == std::vector<int64_t>{0, 7});
    {
      NpyWriter writer(folder / "x.npy", NpyType::f4, {2, 1});
      writer.append<float>(std::vector<float>{1});
      CHECK(contains(error_of([&] { writer.commit(); }), "x.npy': 4 bytes of elements are missing"));
      CHECK(contains(error_of([&] {
                       writer.append<float>(std::vector<float>{1, 2});
                     }),
                     "8 bytes of elements, but only 4 are missing"));
      CHECK(contains(error_of([&] { writer.append<double>(std::vector<double>{1}); }),
                     "elements of type f8 in an array of f4"));
    }
    CHECK(NpyArray(folder / "x.npy").type() == NpyType::f8);
    CHECK(contains(error_of([&] { NpyWriter(folder / "z.npy", NpyType::u1, {1}); }), "arrays of type u1"));
    CHECK(contains(error_of([&] { NpyWriter(folder / "z.npy", NpyType::f4, {-1, 2}); }), "shape (-1, 2) cannot be"));
    CHECK(contains(error_of([&] { write_npy<float>(folder / "no" / "z.npy", {}, {0}); }), "cannot be created"));
    CHECK(folder.count() == 3);
  }

  TEST_CASE("Python reads the header of a written array as its own literal") {
    const TemporaryFolder folder;
    for (const auto& [shape, count] : {std::pair{std::vector<int64_t>{2, 3}, 6}, std::pair{std::vector<int64_t>{5}, 5},
                                       std::pair{std::vector<int64_t>{}, 1}}) {
      const std::vector<float> values(static_cast<size_t>(count), 0.5F);
      write_npy<float>(folder / "x.npy", values, shape);
      write_file_atomically(folder / "check.py", R"(import ast, math, struct, sys
data = open(sys.argv[1], 'rb').read()
assert data[:8] == b'\x93NUMPY\x01\x00'
size, = struct.unpack('<H', data[8:10])
assert (10 + size) % 64 == 0 and data[9 + size:10 + size] == b'\n'
header = ast.literal_eval(data[10:10 + size].decode('latin1'))
assert header == {'descr': '<f4', 'fortran_order': False, 'shape': ast.literal_eval(sys.argv[2])}, header
count = math.prod(header['shape'])
assert struct.unpack(f'<{count}f', data[10 + size:]) == (0.5,) * count
try:
    import numpy
except ImportError:
    sys.exit(0)
x = numpy.load(sys.argv[1])
assert x.dtype == numpy.float32 and x.shape == header['shape'] and (x == 0.5).all()
)");
      const NpyArray array(folder / "x.npy");
      const Outcome outcome =
          Process({"python3", folder / "check.py", folder / "x.npy", array.shape_text()}, folder.path()).wait();
      CHECK_MESSAGE(outcome.code == 0, outcome.err);
    }
  }
}

}  // namespace cofactor::testing
