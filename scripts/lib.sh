# What the scripts share: where the repository is, how they speak, how they install what is missing.
# Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' plain=$'\e[0m'
else
  bold='' dim='' red='' plain=''
fi

# say TEXT: one line for each stage of the work.
say() { printf '%s==>%s %s\n' "$bold" "$plain" "$*"; }

# note TEXT: a detail of the stage.
note() { printf '    %s%s%s\n' "$dim" "$*" "$plain"; }

# die TEXT: says why and ends the script.
die() {
  printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2
  exit 1
}

# have THING: whether the tool, the library known to pkg-config (lib:…), or the headers are there.
have() {
  case $1 in
    lib:*) command -v pkg-config >/dev/null && pkg-config --exists "${1#lib:}" ;;
    header:*) [[ -e /usr/include/${1#header:} ]] ;;
    libstdc++) compgen -G '/usr/include/c++/*/vector' >/dev/null ;;
    ca-certificates) [[ -s /etc/ssl/certs/ca-certificates.crt ]] ;;
    *) command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]] ;;
  esac
}

# The Debian package that brings each thing the scripts ask for.
package_of() {
  case $1 in
    lib:sqlite3) echo libsqlite3-dev ;;
    lib:libuv) echo libuv1-dev ;;
    header:csv.h) echo libcsv-dev ;;
    libstdc++) echo libstdc++-12-dev ;;
    ld) echo binutils ;;
    cc) echo gcc ;;
    mkfs.ext4) echo e2fsprogs ;;
    promtool) echo prometheus ;;
    *) echo "$1" ;;
  esac
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "this needs root and there is no sudo: $*"
  fi
}

# require THING…: installs, with apt, those that are missing; on a system without apt, or with
# SLUICE_NO_INSTALL set, says which they are and ends the script.
require() {
  local thing missing=() packages=()
  # lib:… cannot be looked up before pkg-config itself is there.
  have pkg-config || missing+=(pkg-config)
  for thing in "$@"; do
    [[ $thing == pkg-config ]] || have "$thing" || missing+=("$thing")
  done
  ((${#missing[@]})) || return 0

  for thing in "${missing[@]}"; do packages+=("$(package_of "$thing")"); done
  if [[ -n ${SLUICE_NO_INSTALL:-} ]] || ! command -v apt-get >/dev/null; then
    die "missing: ${missing[*]#lib:}. Please install what Debian calls: ${packages[*]}"
  fi
  say "Installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get -qq update
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends "${packages[@]}" >/dev/null
  for thing in "${missing[@]}"; do
    have "$thing" || die "$thing is still missing after installing $(package_of "$thing")"
  done
}

# What every build needs. Swift is not a package of Debian 12, so it is asked for, not installed.
require_build() {
  command -v swift >/dev/null ||
    die "swift is not in PATH; Swift 6.1 or later is at https://www.swift.org/install/linux/"
  # git and the certificates fetch the dependencies; one of these is in C++.
  require git ca-certificates ld libstdc++ pkg-config lib:sqlite3 lib:libuv header:csv.h
}
