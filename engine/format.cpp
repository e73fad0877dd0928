// The formatters of the core types, out of line: fmt/format.h adds a second of compilation to every file that includes
// it.
#include <fmt/format.h>

#include "engine/device.h"
#include "engine/dtype.h"
#include "engine/shape.h"

// Of fmt's own string_view: fmt 10 has std's formatter in fmt/format.h alone, which the types' headers do without.
using Base = fmt::formatter<fmt::string_view>;
using Iterator = fmt::format_context::iterator;

Iterator fmt::formatter<cofactor::DType>::format(const cofactor::DType& value, fmt::format_context& context) const {
  return Base::format(cofactor::name_of(value), context);
}

Iterator fmt::formatter<cofactor::Device>::format(const cofactor::Device& value, fmt::format_context& context) const {
  return Base::format(cofactor::name_of(value), context);
}

Iterator fmt::formatter<cofactor::Shape>::format(const cofactor::Shape& value, fmt::format_context& context) const {
  return Base::format(cofactor::to_string(value), context);
}
