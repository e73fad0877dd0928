#include "engine/io/file_kind.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "engine/io/text.h"
#include "engine/io/utf8.h"

namespace cofactor {

namespace {

using std::string_view_literals::operator""sv;

constexpr size_t kLooked = 4096;  // bytes in which a clue is looked for

constexpr std::string_view kTorchToSafetensors =
    "python3 -c \"import sys, torch, safetensors.torch as s; d = torch.load(sys.argv[1], map_location='cpu'); d = "
    "d.get('state_dict', d); s.save_file({k: v.contiguous() for k, v in d.items() if torch.is_tensor(v)}, "
    "sys.argv[2])\" OLD NEW.safetensors converts it, where PyTorch is installed";

constexpr std::string_view kGensimToText =
    "where gensim wrote it, KeyedVectors.load(OLD).save_word2vec_format(NEW) in Python writes a file that is read here";

struct Signature {
  std::string_view bytes;
  const char* kind;
};

constexpr std::array kSignatures = {
    Signature{"\x1F\x8B"sv, "compressed by gzip; gunzip makes the file that is read here"},
    Signature{"\xFD"
              "7zXZ\0"sv,
              "compressed by xz; unxz makes the file that is read here"},
    Signature{"BZh"sv, "compressed by bzip2; bunzip2 makes the file that is read here"},
    Signature{"\x28\xB5\x2F\xFD"sv, "compressed by zstd; unzstd makes the file that is read here"},
    Signature{"\x89HDF\r\n\x1A\n"sv, "an HDF5 file, as Keras writes its weights; they cannot be read here"},
    Signature{"\x93NUMPY"sv, "a NumPy array (.npy); it cannot be read here"},
    Signature{"GGUF"sv, "a GGUF file; it cannot be read here"},
    Signature{"\xBA\x16\x4F\x2F"sv,
              "fastText's own model; the file of the same name that ends in .vec holds its "
              "vectors as text"},
    Signature{"\x89PNG\r\n"sv, "a PNG image"},
    Signature{"\xFF\xD8\xFF"sv, "a JPEG image"},
    Signature{"%PDF"sv, "a PDF document"},
    Signature{"SQLite format 3"sv, "an SQLite database"},
    Signature{"\x7F"
              "ELF"sv,
              "an executable"}};

// "size 46830571" of a pointer's third line.
std::string git_lfs_size(std::string_view text) {
  const size_t at = text.find("\nsize ");
  if (at == std::string_view::npos) return "a larger file";
  const std::string_view number = text.substr(at + 6, text.find_first_not_of("0123456789", at + 6) - at - 6);
  return number.empty() ? "a larger file" : fmt::format("a file of {} bytes", number);
}

// What begins with "{" or "[", behind white space.
std::string json_kind(std::string_view text) {
  if (text.find("\"weight_map\"") != std::string_view::npos || text.find("\"total_size\"") != std::string_view::npos)
    return "the index of weights that are spread over several files (its weight_map names them); give a checkpoint in "
           "one file, or join the parts with safetensors' Python package";
  return "JSON text, a network's configuration perhaps";
}

std::string zip_kind(std::string_view text, Wanted wanted) {
  const bool torch = text.find(".pkl") != std::string_view::npos || text.find(".data/") != std::string_view::npos;
  if (torch && wanted == Wanted::weights)
    return fmt::format("what PyTorch's torch.save writes (.pt, .pth, .bin); {}", kTorchToSafetensors);
  if (torch) return "what PyTorch's torch.save writes (.pt, .pth, .bin); it cannot be read here";
  return fmt::format("a zip archive; unzip makes the file that is read here{}",
                     wanted == Wanted::weights ? ", unless it is a .pt or .pth of PyTorch's" : "");
}

}  // namespace

std::string foreign_kind(std::string_view bytes, Wanted wanted) {
  const std::string_view head = bytes.substr(0, kLooked);
  if (head.empty()) return "empty: nothing was written there, or a download has failed";
  for (const Signature& signature : kSignatures)
    if (head.starts_with(signature.bytes)) return signature.kind;
  if (head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06")) return zip_kind(head, wanted);
  if (head.size() > 1 && head[0] == '\x80' && head[1] >= 2 && head[1] <= 5)
    return fmt::format("a Python pickle{}; {}",
                       wanted == Wanted::weights ? ", as torch.save wrote before PyTorch 1.6" : "",
                       wanted == Wanted::weights ? kTorchToSafetensors : kGensimToText);
  if (head.size() > 262 && head.substr(257, 5) == "ustar") return "a tar archive; tar -xf takes the files out";

  std::string_view text = head.starts_with(kUtf8Mark) ? head.substr(kUtf8Mark.size()) : head;
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  if (text.starts_with("version https://git-lfs"))
    return fmt::format("a Git LFS pointer, which stands for {}; git lfs pull fetches that", git_lfs_size(text));
  const std::string beginning = lower_case(text.substr(0, 512));
  if (beginning.starts_with("<!doctype html") || beginning.find("<html") != std::string::npos)
    return "a web page (HTML) in place of the file: the server sent a page, perhaps one that asks for consent; use the "
           "link to "
           "the file itself";
  if (beginning.starts_with("<?xml") || beginning.starts_with("<error"))
    return fmt::format("an XML text, a server's error message perhaps: '{}'", legible(text, 80));
  if (text.starts_with('{') || text.starts_with('[')) return json_kind(text);
  return {};
}

}  // namespace cofactor
