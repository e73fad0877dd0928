// Reading files, and writing them whole or not at all.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace cofactor {

// The bytes of a file or pipe. Throws Error, with the path and the system's message, where it cannot be read, is a
// device, or has more bytes than there is memory.
std::string read_file(const std::filesystem::path& path);

// Writes `contents` to a temporary file beside `path`, flushes it to the disk and renames it over `path`: a reader, or
// a run after a crash, sees the old file or the new one. Throws Error (unwritable folder, full disk) and then leaves no
// temporary file and the old file unchanged.
void write_file_atomically(const std::filesystem::path& path, std::string_view contents);

// Creates a folder and its parents. Throws Error where it cannot, or where it cannot be written to.
void ensure_writable_directory(const std::filesystem::path& path);

}  // namespace cofactor
