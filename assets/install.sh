#!/bin/sh
# Installs mdproxy4cs from a release: downloads, verifies, then installs. Needs tar, sha256sum, and curl or wget.
set -eu
umask 022 # what is installed is for everybody to read, folders included

usage() {
  cat <<'END'
usage: install.sh [--version VERSION] [--root DIR] [--repository OWNER/NAME] [--arch amd64|arm64] [--format gz|xz]
       install.sh --archive FILE [--root DIR]
       install.sh --uninstall [--root DIR]

  --version VERSION        the release to install; the latest if not given
  --root DIR               install into an image's root folder instead of the running system
  --repository OWNER/NAME  where the releases are (default: orange-cloudfoundry/mdproxy4cs)
  --arch amd64|arm64       the architecture to install for; this machine's if not given
  --format gz|xz           the archive to download: xz is a quarter smaller, and needs xz (default: gz)
  --archive FILE           install this .tar.gz, .tar.xz or .deb; the release's checksums.txt must be beside it. What is in
                           a .deb is installed as from an archive; to have it managed by dpkg: apt-get install ./FILE
  --uninstall              remove what was installed; /etc/default/mdproxy4cs stays

A proxy is taken from https_proxy. MDPROXY4CS_API and MDPROXY4CS_DOWNLOADS stand in for
https://api.github.com and https://github.com, for a mirror.
END
}

say() { printf 'install.sh: %s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$1" >&2
  shift
  for hint in "$@"; do printf '            %s\n' "$hint" >&2; done
  exit 1
}

# Where each file of the archive goes, and its mode.
files() {
  cat <<'END'
0755 mdproxy4cs                 usr/bin/mdproxy4cs
0755 assets/pre-start.sh        usr/share/mdproxy4cs/pre-start.sh
0644 assets/mdproxy4cs.service  usr/share/mdproxy4cs/mdproxy4cs.service
0644 assets/mdproxy4cs-wait-ready.service  usr/lib/systemd/system/mdproxy4cs-wait-ready.service
0644 assets/default             etc/default/mdproxy4cs
0644 assets/mdproxy4cs.8        usr/share/man/man8/mdproxy4cs.8
0644 assets/mdproxy4cs.bash     usr/share/bash-completion/completions/mdproxy4cs
0644 assets/_mdproxy4cs         usr/share/zsh/vendor-completions/_mdproxy4cs
0644 assets/mdproxy4cs.fish     usr/share/fish/vendor_completions.d/mdproxy4cs.fish
END
}
unit=/usr/share/mdproxy4cs/mdproxy4cs.service

read_arguments() {
  version='' root='' repository=orange-cloudfoundry/mdproxy4cs arch='' format=gz archive='' uninstall=no
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --uninstall) uninstall=yes; shift; continue ;;
      --version | --root | --repository | --arch | --format | --archive) ;;
      *) fail "unknown argument '$1'" "See install.sh --help." ;;
    esac
    [ $# -ge 2 ] || fail "$1 needs a value" "See install.sh --help."
    case $1 in
      --version) version=${2#v} ;;
      --root)
        [ -n "$2" ] || fail "--root is empty" "Give the root folder of an image, or leave --root out."
        root=${2%/}
        ;;
      --repository) repository=$2 ;;
      --arch) arch=$2 ;;
      --format) format=$2 ;;
      --archive) archive=$2 ;;
    esac
    shift 2
  done
  case $format in gz | xz) ;; *) fail "--format is '$format'" "It must be gz or xz." ;; esac
  [ -d "$root/" ] || fail "there is no folder $root" "Give the root folder of an image, or leave --root out."
  # Where a folder is named by "..", systemctl finds no unit in it.
  if [ -n "$root" ]; then
    root=$(CDPATH='' cd -- "$root/" && pwd -P)
    root=${root%/}
  fi
  # A package's or an image's root folder may be empty still.
  usr=$root/usr
  [ -e "$usr" ] || usr=$root/
  [ -w "$usr" ] || if [ "$(id -u)" -eq 0 ]; then
    fail "cannot write to $usr" "Is it mounted read-only?"
  else
    fail "cannot write to $usr" "Run this as root, as in: sudo sh install.sh"
  fi
}

detect_arch() {
  [ -z "$arch" ] || return 0
  case $(uname -m) in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *) fail "there is no release for $(uname -m)" "If the image is of another architecture, name it: --arch amd64" ;;
  esac
}

# download URL FILE
download() {
  if command -v curl >/dev/null; then
    # What stands still is given up, as wget does.
    curl -fsSL --retry 3 --connect-timeout 30 --speed-limit 1 --speed-time 30 -o "$2" "$1" && return
  elif command -v wget >/dev/null; then
    wget -q -T 30 -O "$2" "$1" && return
  else
    fail "neither curl nor wget is installed" "Install one of them, or download the archive and checksums.txt elsewhere" \
      "and run: install.sh --archive FILE"
  fi
  fail "cannot download $1" "Does that release exist? Is a proxy needed (https_proxy)?" \
    "Or download the archive and checksums.txt elsewhere and run: install.sh --archive FILE"
}

# Puts an archive and its checksums.txt into $work, and sets $archive to its path.
fetch() {
  detect_arch
  if [ -z "$version" ]; then
    api=${MDPROXY4CS_API:-https://api.github.com}
    download "$api/repos/$repository/releases/latest" "$work/latest.json"
    version=$(sed -n 's/.*"tag_name" *: *"v\{0,1\}\([^"]*\)".*/\1/p' "$work/latest.json" | head -n 1)
    [ -n "$version" ] || fail "cannot tell the latest release of $repository" "Name one: install.sh --version 2.0.0"
  fi
  base=${MDPROXY4CS_DOWNLOADS:-https://github.com}/$repository/releases/download/v$version
  archive=$work/mdproxy4cs_${version}_linux_$arch.tar.$format
  say "downloading mdproxy4cs $version for $arch from $repository"
  download "$base/checksums.txt" "$work/checksums.txt"
  download "$base/${archive##*/}" "$archive"
}

verify() {
  name=${archive##*/} checksums=$(dirname "$archive")/checksums.txt
  [ -r "$archive" ] || fail "cannot read $archive" "Give the path of a release's .tar.gz, .tar.xz or .deb."
  [ -r "$checksums" ] || fail "there is no checksums.txt beside $archive" "Download it from the same release."
  expected=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1 }' "$checksums")
  [ -n "$expected" ] || fail "$checksums does not name $name" "Download both from the same release, and keep their names."
  command -v sha256sum >/dev/null || fail "cannot verify $name: sha256sum is not installed" "Install it (coreutils)."
  actual=$(sha256sum "$archive" | cut -d ' ' -f 1)
  [ "$actual" = "$expected" ] || fail "the checksum of $name is wrong: it is $actual and must be $expected" \
    "The download is damaged, or not what was released. Nothing was installed. Download it again."
}

# put MODE SOURCE TARGET: what fails leaves nothing, least of all on a disk that is full.
put() {
  mkdir -p "${3%/*}" && cp "$2" "$3.new" && chmod "$1" "$3.new" && mv -f "$3.new" "$3" && return
  rm -f "$3.new"
  return 1
}

# Removes what a put that was stopped had begun.
remove_parts() {
  files | while read -r _ _ target; do rm -f "$root/$target.new"; done
}

# unpack FILTER: whoever unpacks names a program that may be missing.
unpack() {
  for program in "$1" tar; do
    command -v "$program" >/dev/null ||
      fail "cannot unpack $archive: $program is not installed" "Install it, or take the .tar.gz, which needs gzip and tar."
  done
  case $1 in
    dpkg-deb) dpkg-deb --extract "$archive" "$work/deb" ;;
    *) "$1" -dc "$archive" | tar -xf - -C "$work" ;;
  esac || fail "cannot unpack $archive" "Is the disk of $work full? Set TMPDIR to a larger one."
}

# Makes of an unpacked package the folder that an archive holds.
arrange_deb() {
  mkdir -p "$folder/assets"
  files | while read -r _ source target; do
    if [ -e "$work/deb/$target" ]; then
      mv "$work/deb/$target" "$folder/$source"
    elif [ -e "$work/deb/$target.gz" ]; then
      gzip -dc "$work/deb/$target.gz" >"$folder/$source"
    fi
  done
}

# What the executable needs, which no package manager sees to here. Where an image does not tell, it is not refused.
check_libraries() {
  libc='' libgcc=''
  for dir in "$root"/lib "$root"/usr/lib "$root"/lib64 "$root"/usr/lib64 "$root"/lib/*-linux-gnu "$root"/usr/lib/*-linux-gnu; do
    [ ! -e "$dir/libc.so.6" ] || libc=$dir/libc.so.6
    [ ! -e "$dir/libgcc_s.so.1" ] || libgcc=$dir/libgcc_s.so.1
  done
  if [ -z "$libc" ]; then
    for musl in "$root"/lib/ld-musl-*; do
      [ ! -e "$musl" ] || fail "this system has musl, and mdproxy4cs needs glibc" "There is no release for it."
    done
    return 0
  fi
  # "GNU C Library (...) stable release version 2.36." stands in the library itself.
  minor=$(grep -ao 'GNU C Library .* version 2\.[0-9]*' "$libc" 2>/dev/null | sed -n '1s/.*\.//p')
  [ -z "$minor" ] || [ "$minor" -ge 27 ] ||
    fail "this system has glibc 2.$minor, and mdproxy4cs needs 2.27 or newer" "Debian 10, Ubuntu 18.04 and newer have it."
  [ -n "$libgcc" ] || fail "libgcc_s.so.1 is missing" "Install it, on Debian: apt-get install libgcc-s1"
}

# Two at once would take each other's files away. Where there is no flock, nobody is told.
lock() {
  command -v flock >/dev/null || return 0
  exec 9<"$root/"
  flock -n 9 || [ $? -ne 1 ] || fail "another install.sh is at work in $root/" "Run this again when it has ended."
}

# Everything is unpacked before anything is replaced, and each file is replaced at once.
install_files() {
  name=$(basename "$archive")
  folder=$work/${name%.tar.?z}
  case $name in
    *.tar.gz) unpack gzip ;;
    *.tar.xz) unpack xz ;;
    *.deb) unpack dpkg-deb && arrange_deb ;;
    *) fail "$name is no .tar.gz, .tar.xz or .deb" "Give an unchanged file of a release." ;;
  esac
  [ -f "$folder/mdproxy4cs" ] || fail "$archive holds no mdproxy4cs" "Give an unchanged release archive."
  files | while read -r mode source target; do
    # An older release has fewer files: what a newer one had besides goes with it, but for the settings.
    if [ ! -e "$folder/$source" ]; then
      [ "$target" = etc/default/mdproxy4cs ] || rm -f "$root/$target"
      continue
    fi
    if [ "$target" = etc/default/mdproxy4cs ] && [ -e "$root/$target" ]; then
      cmp -s "$folder/$source" "$root/$target" || say "keeping your /$target"
      continue
    fi
    put "$mode" "$folder/$source" "$root/$target" || exit 1
  done || fail "cannot install into $root/" "Is its disk full or read-only? What was there before still works."
}

is_running_system() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

enable_unit() {
  if ! command -v systemctl >/dev/null; then
    say "there is no systemctl here: to have it started at boot, run in the image: systemctl enable $unit"
    return
  fi
  systemctl --root="$root/" --quiet enable "$unit" || fail "cannot enable the unit" "Try: systemctl enable $unit"
  is_running_system || return 0
  systemctl daemon-reload
  systemctl restart mdproxy4cs || fail "it is installed but does not start" "See: journalctl -u mdproxy4cs"
}

remove() {
  if command -v systemctl >/dev/null; then
    if is_running_system; then systemctl --quiet stop mdproxy4cs 2>/dev/null || true; fi
    systemctl --root="$root/" --quiet disable mdproxy4cs.service 2>/dev/null || true
  fi
  files | while read -r _ _ target; do
    [ "$target" = etc/default/mdproxy4cs ] || rm -f "$root/$target"
  done
  rmdir "$root/usr/share/mdproxy4cs" 2>/dev/null || true
  rm -rf "$root/run/mdproxy4cs-root" "$root/run/mdproxy4cs.starts" "$root/run/mdproxy4cs.lock"
  if is_running_system; then systemctl daemon-reload; fi
  say "removed mdproxy4cs; /etc/default/mdproxy4cs stays"
}

main() {
  read_arguments "$@"
  if [ "$uninstall" = yes ]; then
    lock
    remove
    exit 0
  fi
  work=$(mktemp -d) || fail "cannot make a temporary folder" "Set TMPDIR to a folder that can be written to."
  trap 'rm -rf "$work"' EXIT
  trap 'exit 1' HUP INT TERM
  [ -n "$archive" ] || fetch
  verify
  check_libraries
  lock
  trap 'rm -rf "$work"; remove_parts' EXIT
  install_files
  enable_unit
  say "installed $(basename "$archive") into $root/"
}

main "$@"
