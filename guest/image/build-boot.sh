#!/bin/bash
# Builds what depends on the agent, and the disk that a writable layer starts from:
#
#   build-boot.sh ROOT_DIR AGENT_BINARY OUT
#
#   ROOT_DIR        what build-root.sh made
#   OUT/initrd      the agent as /init, and the kernel's modules for it to load
#   OUT/blank.img   a sparse disk of 10 GiB with an empty ext4 file system that has the folders upper/ and work/
#
# Needs cpio and mkfs.ext4, and no privileges.
set -euo pipefail

root=${1:?usage: build-boot.sh ROOT_DIR AGENT_BINARY OUT}
agent=${2:?usage: build-boot.sh ROOT_DIR AGENT_BINARY OUT}
out=${3:?usage: build-boot.sh ROOT_DIR AGENT_BINARY OUT}
export SOURCE_DATE_EPOCH=1790000000 E2FSPROGS_FAKE_TIME=1790000000 LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
readonly uuid=b1a9c0de-52b1-4d0c-9e2e-be117a4be117 size=10G

fail() { printf 'build-boot: %s\n' "$*" >&2; exit 1; }

for tool in cpio mkfs.ext4 debugfs; do
  command -v "$tool" >/dev/null || fail "$tool is missing: apt install cpio e2fsprogs"
done

mkdir -p "$out"
work=$(realpath "$out").work   # beside the result, so that whoever clears that clears both
mkdir "$work"
trap 'rm -rf "$work"' EXIT
trap 'exit 143' HUP INT TERM

printf '==> Making the initial file system\n'
mkdir -p "$work/initrd/"{dev,proc,sys,run,root,modules}
install -m 0755 "$agent" "$work/initrd/init"
install -m 0644 "$root"/modules/*.ko "$work/initrd/modules/"
find "$work/initrd" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
(cd "$work/initrd" && find . -mindepth 1 -printf '%P\n' | sort |
  cpio --quiet --create --format=newc --owner=0:0 --reproducible >"$work/initrd.cpio")

# The disk is scratch space that is thrown away: no journal, no checksums, nothing reserved for root, and nothing left for
# the kernel to initialise in the background.
printf '==> Making the blank disk\n'
truncate -s "$size" "$work/blank.img"
mkfs.ext4 -q -F -b 4096 -m 0 -U "$uuid" -L belljar \
  -O ^has_journal,^metadata_csum,^resize_inode,uninit_bg \
  -E "hash_seed=$uuid,root_owner=0:0,lazy_itable_init=1,assume_storage_prezeroed=1,nodiscard" "$work/blank.img"
printf 'mkdir upper\nmkdir work\n' | debugfs -w -f - "$work/blank.img" >/dev/null 2>"$work/debugfs.log" ||
  { cat "$work/debugfs.log" >&2; fail "the blank disk could not be prepared"; }

mv "$work/initrd.cpio" "$out/initrd"
cp --sparse=always "$work/blank.img" "$out/blank.img"
