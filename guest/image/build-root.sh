#!/bin/bash
# Builds what a machine boots, apart from the agent:
#
#   build-root.sh OUT
#
#   OUT/root.erofs     the root file system
#   OUT/vmlinuz        the kernel
#   OUT/modules/       its modules, named NN-name.ko, NN being the order to load them in
#   OUT/packages.txt   what is in it, one `name=version` a line
#
# Needs mmdebstrap, mkfs.erofs, npm and xz; runs as root, or as any user that has subordinate ids (/etc/subuid, and uidmap).
# OUT/../work is scratch space, or a link to it, and must not be there.
# BELLJAR_DEBIAN_MIRROR overrides where Debian packages come from; otherwise it is where this host gets its own.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=${1:?usage: build-root.sh OUT}
suite=trixie
export SOURCE_DATE_EPOCH=1790000000   # newer than every file of the packages, so that their own times stay
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
readonly uuid=6a3c4f0e-52b1-4d0c-9e2e-be117a4be117

say() { printf '==> %s\n' "$*"; }
fail() { printf 'build-root: %s\n' "$*" >&2; exit 1; }

for tool in mmdebstrap mkfs.erofs npm openssl xz tar; do
  command -v "$tool" >/dev/null || fail "$tool is missing: apt install mmdebstrap erofs-utils npm openssl xz-utils"
done

if [ "$(id -u)" = 0 ]; then
  mode=root
else
  mode=unshare
  user=$(id -un)
  command -v newuidmap >/dev/null && command -v newgidmap >/dev/null ||
    fail "newuidmap and newgidmap are missing, which users other than root need: sudo apt-get install uidmap"
  for ids in /etc/subuid /etc/subgid; do
    grep -qE "^($user|$(id -u)):" "$ids" 2>/dev/null ||
      fail "$ids has no entry for $user: sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $user"
  done
fi

mkdir -p "$out/modules"
# Scratch space is beside the result, so that whoever clears that clears both. A home directory may be closed to the user's
# subordinate ids, though; then it is where temporary files go, and a link beside the result says where.
work=$(dirname "$(realpath "$out")")/work
if [ "$mode" = unshare ]; then
  elsewhere=$(mktemp -u "$(realpath "${TMPDIR:-/tmp}")/belljar-image.XXXXXXXXXX")
  ln -s "$elsewhere" "$work"
  work=$elsewhere
fi
mkdir -m 0755 "$work"
mkdir -m 1777 "$work/tmp"
export TMPDIR=$work/tmp
children=()
cleanup() {
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  wait
  bash "$here/clear.sh" "$work"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

list() { grep -vE '^[[:space:]]*(#|$)' "$here/$1"; }

# Fetches one npm package, refuses it if it is not the one that `versions` pins, and unpacks it.
fetch() {
  local name=$1 package=$2 version=$3 integrity=$4 archive actual
  mkdir -p "$work/npm/$name"
  cd "$work/npm/$name"
  npm pack --silent --ignore-scripts "$package@$version" >archive.name 2>npm.log </dev/null &
  children=($!)
  trap 'kill "${children[@]}" 2>/dev/null; wait; exit 143' TERM
  wait "${children[0]}" ||
    { tail -n 5 npm.log >&2; fail "cannot fetch $package@$version from the npm registry. Check this host's network and npm's settings, and try again."; }
  archive=$(tail -n 1 archive.name)
  actual=sha512-$(openssl dgst -sha512 -binary "$archive" | base64 -w 0)
  [ "$actual" = "$integrity" ] || fail "$package@$version has integrity $actual, but versions pins $integrity"
  tar -xzf "$archive"
  rm "$archive"
}

# Lays the runtimes out below /usr/local, in one archive.
fetch_runtimes() {
  local tree=$work/runtimes name package version integrity failed=
  children=()
  trap 'kill "${children[@]}" 2>/dev/null; wait; exit 143' TERM
  while read -r name package version integrity; do
    fetch "$name" "$package" "$version" "$integrity" &
    children+=($!)
  done < <(list versions)
  # Of all of them, whichever fails: what one left would go on in a directory that is being removed.
  for child in "${children[@]}"; do wait "$child" || failed=1; done
  [ -z "$failed" ] || exit 1
  mkdir -p "$tree/bin" "$tree/lib/node_modules"
  install -m 0755 "$work/npm/deno/package/deno" "$tree/bin/deno"
  install -m 0755 "$work/npm/node/package/bin/node" "$tree/bin/node"
  mv "$work/npm/npm/package" "$tree/lib/node_modules/npm"
  rm -rf "$tree/lib/node_modules/npm/"{docs,man}
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$tree/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$tree/bin/npx"
  # `npm install --global` works for the user without sudo, and npm never looks for a newer npm.
  printf 'prefix=${HOME}/.local\nupdate-notifier=false\nfund=false\n' >"$tree/lib/node_modules/npm/npmrc"
  chmod -R u=rwX,go=rX "$tree"
  tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --transform='s,^\./,./usr/local/,' -cf "$work/runtimes.tar" ./bin ./lib
}

# The package sources of this host, as `deb` lines of another suite: those of Debian's archive itself and of its security
# updates. Nothing if this host is not Debian.
host_sources() {
  local release
  release=$(. /etc/os-release && [ "$ID" = debian ] && printf %s "${VERSION_CODENAME:-}") || return 0
  [ -n "$release" ] || return 0
  {
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
      sed -nE 's/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]+)?([^[:space:]]+)[[:space:]]+([^[:space:]]+).*/\2 \3/p'
    for file in /etc/apt/sources.list.d/*.sources; do
      [ -f "$file" ] || continue
      awk 'BEGIN { RS = ""; FS = "\n" }
           { uris = suites = ""; off = 0
             for (i = 1; i <= NF; i++) {
               if ($i ~ /^URIs:/) { uris = $i; sub(/^URIs:/, "", uris) }
               if ($i ~ /^Suites:/) { suites = $i; sub(/^Suites:/, "", suites) }
               if ($i ~ /^Enabled:[ \t]*no/) off = 1
             }
             if (!off) { n = split(uris, u, " "); m = split(suites, s, " ")
               for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) print u[i], s[j] } }' "$file"
    done
  } | awk -v release="$release" -v suite="$suite" '
    $2 == release && !archive { archive = $1 }
    $2 == release "-security" && !security { security = $1 }
    END { if (archive) {
            print "deb " archive " " suite " main"
            print "deb " archive " " suite "-updates main"
            if (security) print "deb " security " " suite "-security main" } }'
}

# How this host's apt reaches its servers: proxies, and certificates it trusts.
host_apt_options() {
  command -v apt-config >/dev/null || return 0
  apt-config dump Acquire |
    grep -E '^Acquire::([a-z]+::([^ ]*::)?(Proxy|Proxy-Auto-Detect|CaInfo|CaPath|SslCert|SslKey|Verify-Peer|Verify-Host)|Retries|AllowReleaseInfoChange)[^ ]* ".+";$' || true
}

if [ -n "${BELLJAR_DEBIAN_MIRROR:-}" ]; then
  sources="deb $BELLJAR_DEBIAN_MIRROR $suite main"
else
  sources=$(host_sources)
fi
options=()
while read -r option; do options+=(--aptopt="$option"); done < <(host_apt_options)

# The kernel is fetched by the new root's apt, but stays out of the root: a machine gets it from outside.
kernel='
set -eu
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
mkdir "$1/.kernel" "$1/.kernel/root"
cd "$1/.kernel"
package=$(apt-cache depends --important linux-image-cloud-amd64 | sed -n "s/^ *Depends: \(linux-image-.*\)/\1/p" | head -n 1)
apt-get -qq -o APT::Sandbox::User=root download "$package"
dpkg-deb --show --showformat "\${Package}=\${Version}\n" ./*.deb >name
dpkg-deb --extract ./*.deb root
rm ./*.deb'

# Takes the root's archive and the runtimes' archive on its standard input, gives the file system on its standard output.
# It runs where the ids of the root's files exist. Compression is off: the page cache of a template holds what counts, and
# the rest is read at the speed of the processor that has to expand it.
pack='
set -eu
tree=$(mktemp -d "${TMPDIR:-/tmp}/belljar-root.XXXXXX")
trap "rm -rf \"$tree\"" EXIT
trap "exit 143" HUP INT TERM
mkdir "$tree/root"
tar -x --ignore-zeros --numeric-owner --same-permissions --exclude="./dev/*" -C "$tree/root"
cd "$tree/root"
mkdir -p dev proc sys run tmp mnt
chmod 1777 tmp
printf "nameserver 127.0.0.1\noptions ndots:1 timeout:5 attempts:2\n" >etc/resolv.conf
printf "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n127.0.1.1 belljar\n" >etc/hosts
printf "belljar\n" >etc/hostname
: >etc/machine-id
touch -d "@$SOURCE_DATE_EPOCH" etc/resolv.conf etc/hosts etc/hostname etc/machine-id
find . -xdev -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
mkfs.erofs --quiet -U '$uuid' -T "$SOURCE_DATE_EPOCH" --preserve-mtime "$tree/root.erofs" . >&2
cat "$tree/root.erofs"
'

say "Fetching $(list versions | awk '{ printf "%s%s %s", sep, $1, $3; sep = ", " }')"
fetch_runtimes &
children+=($!)
runtimes=$!

say "Installing Debian $suite: $(list packages | wc -l) packages and what they need"
HOME=/ mmdebstrap --mode=$mode --variant=minbase --components=main --format=tar \
  --include="$(list packages | paste -sd,)" \
  --aptopt='APT::Install-Recommends "false"' "${options[@]}" \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  --customize-hook="$kernel" \
  --customize-hook="tar-out /.kernel '$work/kernel.tar'" \
  --customize-hook='rm -rf "$1/.kernel"' \
  --customize-hook="upload '$here/configure.sh' /configure.sh" \
  --customize-hook='chroot "$1" sh /configure.sh && rm "$1/configure.sh"' \
  "$suite" "$work/root.tar" ${sources:+-} <<<"$sources" >"$work/debian.log" 2>&1 &
children+=($!)
wait $! || {
  grep '^E: ' "$work/debian.log" | tail -n 10 >&2 || tail -n 10 "$work/debian.log" >&2
  if grep -qE 'Could not resolve|Temporary failure|[Cc]ould not connect|Cannot initiate|Network is unreachable|Failed to fetch' "$work/debian.log"; then
    fail "Debian could not be fetched. Check this host's network and proxy, or name another archive with BELLJAR_DEBIAN_MIRROR, and try again."
  fi
  fail "Debian could not be installed, for the reason above."
}
wait "$runtimes" || fail "the runtimes could not be fetched"
children=()

say "Taking the kernel and its modules"
mkdir "$work/kernel"
tar -xf "$work/kernel.tar" -C "$work/kernel" --strip-components=1 --no-same-owner
kernel_root=$work/kernel/root
install -m 0644 "$kernel_root"/boot/vmlinuz-* "$out/vmlinuz"
rm -f "$out/modules/"*.ko
number=10   # two digits from the first to the last, so that the order of names is the order of loading
for module in $(list modules); do
  file=$(find "$kernel_root" -name "$module.ko*" -print -quit)
  if [ -z "$file" ]; then continue; fi
  target=$out/modules/$(printf '%02d-%s.ko' "$number" "$module")
  case $file in
    *.xz) xz --decompress --stdout "$file" >"$target" ;;
    *.zst) zstd --decompress --quiet --stdout "$file" >"$target" ;;
    *) cp "$file" "$target" ;;
  esac
  number=$((number + 1))
done

say "Packing the root file system"
tar -xOf "$work/root.tar" ./var/lib/dpkg/status |
  awk '/^Package:/ { name = $2 } /^Version:/ { print name "=" $2 }' >"$work/packages.txt"
{ cat "$work/packages.txt" "$work/kernel/name"; list versions | awk '{ print $1 "=" $3 }'; } | sort >"$out/packages.txt"
within=()
if [ "$mode" = unshare ]; then within=(mmdebstrap --unshare-helper); fi
cat "$work/root.tar" "$work/runtimes.tar" | "${within[@]}" sh -c "$pack" >"$work/root.erofs" &
children+=($!)
wait $! || fail "the root file system could not be packed"
mv "$work/root.erofs" "$out/root.erofs"

say "The root file system is ready: $(du -h --apparent-size "$out/root.erofs" | cut -f 1)"
