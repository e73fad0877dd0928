# shellcheck shell=bash
# What run, test and bench share: the packages, and how to configure and build. Sourced, not run.
# shellcheck disable=SC2034  # the tables and `lean` are read where this is sourced

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What each purpose needs, one requirement per line: its kind, what to look for, and the Debian package that provides it.
build_needs='
program g++ g++
program cmake cmake
program ninja ninja-build
header dnnl.hpp libdnnl-dev
header lapacke.h liblapacke-dev
header fmt/format.h libfmt-dev
header nlohmann/json.hpp nlohmann-json3-dev
header CLI/CLI.hpp libcli11-dev
header zlib.h zlib1g-dev
header unicode/unorm2.h libicu-dev
header stb/stb_image.h libstb-dev
header xxhash.h libxxhash-dev'
run_needs="$build_needs
program gnuplot gnuplot-nox
file /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz dataset-fashion-mnist"
tool_needs="$build_needs
program gnuplot gnuplot-nox
program dot graphviz"
test_needs="$run_needs
program dot graphviz
program python3 python3
header doctest/doctest.h doctest-dev"
browser_needs='
program chromium chromium'
mpi_needs='
program mpirun openmpi-bin
program mpicxx libopenmpi-dev'
network_needs='
file /usr/bin/ip iproute2'
tidy_needs="$test_needs
program clang-tidy clang-tidy"
fuzz_needs="$build_needs
program clang++ clang
runtime fuzzer,address,undefined libclang-rt-dev
runtime fuzzer,memory libclang-rt-dev"
docs_needs='
program doxygen doxygen
program node nodejs
module sphinx python3-sphinx
module myst_parser python3-myst-parser
module breathe python3-breathe
module furo furo
file /usr/share/javascript/katex/katex.min.js libjs-katex'
format_needs='
program clang-format clang-format'

# The programs of experiments/: those that train call run_experiment and take --out; the others are tools.
experiment_names() { grep -l 'run_experiment(' "$root"/experiments/*.cpp | xargs basename -as .cpp; }
tool_names() { grep -L 'run_experiment(' "$root"/experiments/*.cpp | xargs basename -as .cpp; }

say() { printf '%s\n' "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Whether a requirement is met. A header is looked for with the compiler if there is one, so that a library that was not
# installed as a Debian package counts too.
met() {
  local kind=$1 what=$2
  case $kind in
    program) command -v "$what" >/dev/null ;;
    file) [[ -e $what ]] ;;
    module) /usr/bin/python3 -c "import $what" 2>/dev/null ;;  # Debian's packages are modules of Debian's Python
    runtime)  # of clang's sanitizers
      command -v clang++ >/dev/null &&
        printf 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }\n' |
        clang++ -fsanitize="$what" -x c++ - -o "$scratch/runtime" >/dev/null 2>&1
      ;;
    header)
      if command -v g++ >/dev/null; then
        printf '#include <%s>\n' "$what" | g++ -std=c++20 -x c++ -E - >/dev/null 2>&1
      else
        [[ -e /usr/include/$what || -e /usr/local/include/$what ]]
      fi
      ;;
  esac
}

# Fills the arrays `unmet` (for people) and `packages` (for apt) with the requirements in $1 that are not met.
find_unmet() {
  unmet=() packages=()
  local kind what package
  while read -r kind what package; do
    if [[ -n $kind ]] && ! met "$kind" "$what"; then
      unmet+=("$kind $what (Debian package $package)")
      packages+=("$package")
    fi
  done <<<"$1"
}

# Debian 12 or later, or a derivative, with apt: its packages have the names above.
can_install() {
  [[ -r /etc/os-release ]] && command -v apt-get >/dev/null || return 1
  # shellcheck source=/dev/null
  (. /etc/os-release && [[ " ${ID:-} ${ID_LIKE:-} " == *" debian "* ]] &&
    [[ ${ID:-} != debian || ${VERSION_ID:-12} -ge 12 ]])
}

# Installs `packages`, with sudo if that is needed; what apt prints is shown only if it fails.
install_packages() {
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "these packages are missing, and installing them needs root: apt-get install ${packages[*]}"
    as_root=(sudo)
  fi
  say "Installing ${#packages[@]} missing packages with apt-get: ${packages[*]}"
  local log=$scratch/apt.log
  # An update may fail for a source that is not needed here, so only the installation decides.
  "${as_root[@]}" apt-get update >"$log" 2>&1 || true
  if ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
    -o DPkg::Lock::Timeout=120 "${packages[@]}" >>"$log" 2>&1; then
    grep -E '^(E|Err|W):' "$log" | tail -n 5 >&2 || true
    die "apt-get could not install ${packages[*]} (its messages are above). Is the network reachable?"
  fi
}

# Installs what the requirements in $1 lack; does not use the network if they are met.
ensure() {
  local unmet packages
  find_unmet "$1"
  ((${#unmet[@]})) || return 0
  if ! can_install; then
    printf 'missing: %s\n' "${unmet[@]}" >&2
    die "packages are installed automatically only on Debian 12 or later and its derivatives, with apt-get." \
      "Install what is listed above, then run this again."
  fi
  install_packages
  find_unmet "$1"
  ((${#unmet[@]} == 0)) || die "still missing after the installation: ${unmet[*]}"
}

# The same for what its user can do without, and where the packages have other names or none: on Debian only, and what
# cannot be installed is said.
ensure_optional() {
  local unmet packages
  find_unmet "$1"
  # shellcheck source=/dev/null
  if ((${#unmet[@]} == 0)) || ! can_install || ! (. /etc/os-release && [[ ${ID:-} == debian ]]); then return; fi
  (install_packages) || say "Going on without: ${unmet[*]}"
}

# configure PRESET [cmake arguments]: prints only which backends the build has.
configure() {
  local log=$scratch/configure.log
  say "Configuring build/$1"
  if ! cmake -S "$root" --preset "$@" >"$log" 2>&1; then
    cat "$log" >&2
    die "cmake could not configure build/$1 (its messages are above)"
  fi
  grep -E '^-- [a-z]+ backend: ' "$log" | sed 's/^--/  /' || true
}

# build PRESET [targets]: prints ninja's progress line on a terminal; elsewhere only warnings and errors.
build() {
  local folder=build/$1
  shift
  local targets=() quiet=()
  (($# == 0)) || targets=(--target "$@")
  [[ -t 1 ]] || quiet=(-- --quiet)
  say "Building ${*:-everything} in $folder"
  cmake --build "$root/$folder" "${targets[@]}" "${quiet[@]}" || die "the build failed (messages above)"
}

has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }

# Fills `lean` with cmake's arguments for a build that only runs something: without the tests, and without the cuda
# backend if there is no GPU. If scripts/test has configured build/release, its settings stay, so that the scripts do not
# undo each other's builds.
lean_options() {
  local cache=$root/build/release/CMakeCache.txt gpu=OFF
  lean=()
  if [[ -r $cache ]] && grep -q '^COFACTOR_TESTS:BOOL=ON$' "$cache" && met header doctest/doctest.h; then return; fi
  if has_gpu; then gpu=ON; fi
  lean=(-DCOFACTOR_TESTS=OFF "-DCOFACTOR_CUDA=$gpu")
}
