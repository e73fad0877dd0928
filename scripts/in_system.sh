#!/usr/bin/env bash
# Runs the README's two commands in a bare system that is made in a folder: scripts/test --in. Everything that is mounted
# for it is mounted in a namespace of its own, which ends with its last process, however that ends.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() {
  cat <<'TEXT'
usage: scripts/test --in debian-12|debian-13|ubuntu-24.04 [--quick] [--fresh] [--mirror URL] [--folder DIR]
                    [FLAGS OF scripts/test]

Makes a bare system (debootstrap) with only git in DIR/NAME, clones this repository's last commit into it, runs the
README's commands there, scripts/run and scripts/test, and reports the versions used, the time taken and how many tests
passed. Needs root, about 3 GB and, for training and all tests, half an hour. The system is kept until the next run, for
inspection; downloaded packages are kept in DIR/NAME.cache.

  --quick       scripts/run trains one epoch on 2,000 images instead of the whole experiment
  --fresh       downloads all packages again
  --mirror URL  where packages come from [what apt uses here, where this is such a system; else the distribution's own]
  --folder DIR  where the systems are made [build/in]

Other flags, such as -L parity or --preset asan, are those of the scripts/test that runs inside.
TEXT
}
bad_usage() {
  printf 'error: %s\n' "$*" >&2
  usage >&2
  exit 2
}

# Of each system: its suite; debootstrap's script for a suite that it does not know yet; the mirror; the components; the
# Debian package with the keys that sign it, and their file.
debian='sid http://deb.debian.org/debian main debian-archive-keyring debian-archive-keyring.gpg'
ubuntu='gutsy http://archive.ubuntu.com/ubuntu main,universe ubuntu-keyring ubuntu-archive-keyring.gpg'
declare -A systems=([debian-12]="bookworm $debian" [debian-13]="trixie $debian" [ubuntu-24.04]="noble $ubuntu")
name='' mirror='' folder=$root/build/in fresh=0
experiment=(scripts/run) tests=(scripts/test)
parse() {
  while (($#)); do
    case $1 in
      -h | --help)
        usage
        exit 0
        ;;
      --in=* | --mirror=* | --folder=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" && continue ;;
      --in | --mirror | --folder)
        (($# > 1)) || bad_usage "$1 needs a value"
        case $1 in
          --in) name=$2 ;;
          --mirror) mirror=$2 ;;
          --folder) folder=$2 ;;
        esac
        shift
        ;;
      --quick) experiment=(scripts/run fashion_mnist --epochs 1 --limit 2000 --rate 0.2) ;;
      --fresh) fresh=1 ;;
      --format | --tidy) bad_usage "$1 checks the sources with a linter, and needs no other system" ;;
      *) tests+=("$1") ;;
    esac
    shift
  done
  [[ -n $name && -n ${systems[$name]:-} ]] || bad_usage "--in: there is no \"$name\", only ${!systems[*]}"
  read -r suite script own_mirror components key_package keys <<<"${systems[$name]}"
  keys=/usr/share/keyrings/$keys
  [[ -z $mirror || $mirror =~ ^https?://.+ ]] || bad_usage "--mirror: \"$mirror\" is not an http or https URL"
  [[ ! $folder =~ [[:space:]] ]] || bad_usage "--folder: debootstrap cannot handle a path with a space: \"$folder\""
}

# Starts this script again in namespaces of its own: mounts and processes end with it, even if it is killed.
enter_namespace() {
  ((EUID == 0)) || die "--in makes a system in a folder, which needs root (sudo scripts/test --in $name)"
  ensure "program debootstrap debootstrap
program git git
program unshare util-linux
file $keys $key_package"
  unshare --mount true 2>"$scratch/unshare" ||
    die "--in mounts /proc and /dev in the new system, and may not mount here: $(<"$scratch/unshare")"
  COFACTOR_IN_NAMESPACE=1 TMPDIR=$scratch setpriv --pdeathsig KILL \
    unshare --mount --pid --fork --kill-child "$BASH" "$0" "$@" &
  local inside=$! status=0
  trap 'say "Stopped; everything it mounted is unmounted"; exec 2>/dev/null; kill -KILL "$inside"; exit 130' INT TERM HUP
  wait "$inside" || status=$?
  exit "$status"
}

# Where apt gets this distribution's packages here; nothing where this is another one.
mirror_of_host() {
  local label=${name%%-*}
  label=${label^}
  apt-get indextargets --format "\$(LABEL) \$(REPO_URI)" 'Created-By: Packages' "Origin: $label" 2>/dev/null |
    sed -n "s/^$label \(.*[^/]\)\/*\$/\1/p" | head -n 1
}

# The bare system as an archive, made once.
make_archive() {
  local tree=$cache/tree folder_of_kernel
  say "Making a bare $name (debootstrap $suite, from ${mirror/\/\/*@/\/\/})"
  if [[ -e /usr/share/debootstrap/scripts/$suite ]]; then script=$suite; fi
  remove_tree "$tree"
  debootstrap --variant=minbase --components="$components" --include=git,ca-certificates --keyring="$keys" \
    --cache-dir="$cache/packages" "$suite" "$tree" "$mirror" "/usr/share/debootstrap/scripts/$script" \
    >"$cache/debootstrap.log" 2>&1 || {
    tail -n 5 "$cache/debootstrap.log" >&2
    die "debootstrap failed (its last messages are above; the full log is $cache/debootstrap.log)"
  }
  for folder_of_kernel in proc sys; do
    if mountpoint -q "$tree/$folder_of_kernel"; then umount --recursive "$tree/$folder_of_kernel"; fi
  done
  rm -rf "$tree"/var/cache/apt/archives/*.deb
  tar -C "$tree" -cf "$cache/system.tar.tmp" .
  mv "$cache/system.tar.tmp" "$cache/system.tar"
  remove_tree "$tree"
}

# Never through a mount: what is mounted below the folder is another system's, and not to be deleted.
remove_tree() {
  local at
  while read -r _ _ _ _ at _; do
    printf -v at '%b' "$at"  # the kernel writes a space as \040
    [[ $at/ != "$1"/* ]] || die "$1 is not removed, because something is mounted there: $at"
  done </proc/self/mountinfo
  rm -rf --one-file-system "$1"
}

# What a program needs of the kernel and of this machine's network, in the tree. The namespace removes all of it when it ends.
mount_system() {
  local device
  mount -t proc proc "$tree/proc"
  mount --rbind /sys "$tree/sys"
  mount -t tmpfs -o mode=755 tmpfs "$tree/dev"
  mkdir "$tree/dev/shm" "$tree/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$tree/dev/shm"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$tree/dev/pts"
  for device in null zero full random urandom; do
    touch "$tree/dev/$device"
    mount --bind "/dev/$device" "$tree/dev/$device"
  done
  ln -s pts/ptmx "$tree/dev/ptmx"
  ln -s /proc/self/fd "$tree/dev/fd"
  for device in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${device%%:*}" "$tree/dev/${device#*:}"; done
  mount --bind "$cache/packages" "$tree/var/cache/apt/archives"
  printf 'deb %s %s %s\n' "$mirror" "$suite" "${components//,/ }" >"$tree/etc/apt/sources.list"
  cp --remove-destination -L /etc/resolv.conf "$tree/etc/resolv.conf"
  {
    printf 'APT::Keep-Downloaded-Packages "true";\n'
    if command -v apt-config >/dev/null; then apt-config dump | grep -Ei '^Acquire::https?::Proxy' || true; fi
  } >"$tree/etc/apt/apt.conf.d/90host"
}

# inside COMMAND...: in the clone, in the new system, with nothing of this one's environment except its proxies.
inside() {
  local proxies=()
  mapfile -t proxies < <(env | grep -Ei '^(https?|ftp|no)_proxy=' || true)
  chroot "$tree" env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 "${proxies[@]}" \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    bash -c 'cd /root/cofactor 2>/dev/null || cd /root; exec "$@"' bash "$@"
}

clone_repository() {
  local git=(git -c safe.directory='*' -C "$root")
  commit=$("${git[@]}" rev-parse --short HEAD)
  if [[ -n $("${git[@]}" status --porcelain) ]]; then
    say "Note: there are changes that are not committed; the clone is of commit $commit, without them"
  fi
  "${git[@]}" bundle create --quiet "$tree/root/cofactor.bundle" HEAD
  inside git -c init.defaultBranch=main clone --quiet -c advice.detachedHead=false cofactor.bundle cofactor
  rm "$tree/root/cofactor.bundle"
}

# timed NUMBER COMMAND...: runs it inside, its output here and in a log; its status and seconds into the arrays.
timed() {
  local number=$1 log=$folder/$name.${2##*/}.log begin=$SECONDS
  shift
  say "==== $name: $*"
  statuses[number]=0
  inside "$@" 2>&1 </dev/null | tee "$log" || statuses[number]=$?
  seconds[number]=$((SECONDS - begin))
  logs[number]=$log
}

# The number of tests that ended as $2 says, of ctest's summary in the log $1.
tests_that() {
  case $2 in
    all) sed -n 's/.*tests passed, [0-9]* tests failed out of \([0-9]*\).*/\1/p' "$1" ;;
    failed) sed -n 's/.*tests passed, \([0-9]*\) tests failed out of .*/\1/p' "$1" ;;
    skipped) grep -cE '^ *[0-9]+/[0-9]+ Test .*\*\*\*Skipped' "$1" || true ;;
  esac | tail -n 1
}

versions_inside() {
  # shellcheck disable=SC2016  # for the shell and dpkg inside
  inside bash -c '
    printf "g++ %s, CMake %s" "$(g++ -dumpfullversion)" "$(cmake --version | sed -n "1s/.* //p")"
    for package in oneDNN:libdnnl-dev fmt:libfmt-dev CLI11:libcli11-dev nlohmann-json:nlohmann-json3-dev \
      doctest:doctest-dev; do
      version=$(dpkg-query -W -f "\${Version}" "${package#*:}" 2>/dev/null) || version="(not installed)"
      printf ", %s %s" "${package%%:*}" "${version%%[-+]*}"
    done' 2>/dev/null || printf 'unknown: a command above failed before they were installed'
}

outcome() { if ((statuses[$1] == 0)); then printf 'passed'; else printf 'FAILED (status %d)' "${statuses[$1]}"; fi; }

report() {
  local all failed skipped counts='no tests ran'
  all=$(tests_that "${logs[1]}" all) failed=$(tests_that "${logs[1]}" failed)
  skipped=$(tests_that "${logs[1]}" skipped)
  if [[ -n $all ]]; then counts="$((all - failed - skipped)) tests passed, $skipped skipped, $failed failed"; fi
  say '' "==== $name, $(date --utc +%Y-%m-%d), commit $commit, $(nproc) cores of" \
    "$(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
  # shellcheck source=/dev/null
  say "  system         $(. "$tree/etc/os-release" && printf '%s' "$PRETTY_NAME") ($(<"$tree/etc/debian_version"))"
  say "  versions       $(versions_inside)"
  say "  ${experiment[*]}: $(outcome 0) in ${seconds[0]} s"
  say "  ${tests[*]}: $(outcome 1) in ${seconds[1]} s: $counts"
  say "  logs           ${logs[*]}"
}

main() {
  mkdir -p "$folder"
  folder=$(realpath "$folder")
  tree=$folder/$name cache=$folder/$name.cache
  exec {lock}>"$folder/$name.lock"
  flock --nonblock "$lock" || die "another run is using $tree"
  ((fresh == 0)) || remove_tree "$cache"
  mkdir -p "$cache/packages"
  [[ -n $mirror ]] || mirror=$(mirror_of_host)
  [[ -n $mirror ]] || mirror=$own_mirror
  [[ -e $cache/system.tar ]] || make_archive
  say "Unpacking a bare $name into $tree"
  remove_tree "$tree"
  mkdir "$tree"
  tar -C "$tree" -xpf "$cache/system.tar"
  mount_system
  clone_repository
  timed 0 "${experiment[@]}"
  timed 1 "${tests[@]}"
  report
  ((statuses[0] == 0 && statuses[1] == 0))
}

parse "$@"
[[ -n ${COFACTOR_IN_NAMESPACE:-} ]] || enter_namespace "$@"
statuses=() seconds=() logs=() tree='' cache='' commit=''
main
