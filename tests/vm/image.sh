#!/bin/sh
# Makes the guest, of the architecture that is named or else amd64: Debian's cloud kernel, and an initramfs of busybox, autora, the scripts beside this one, and this
# machine's iproute2 and ovs-dpctl, if that has the same. Prints the directory that holds `vmlinuz` and `initramfs`. The packages are fetched
# once and unpacked into the cache, not installed. Needs root.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
architecture=${1:-amd64}
cache=${AUTORA_TEST_CACHE:-/var/cache/autora-tests}
# Counted up when the part that is kept changes.
image=$cache/vm-3-$architecture

# of_it COMMAND [ARGUMENT]...: an apt command for the guest's architecture, whose lists are ours if it is not this machine's.
of_it() {
    command=$1
    shift
    if [ "$architecture" != "$(dpkg --print-architecture)" ]; then
        mkdir -p lists/partial archives/partial
        set -- -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o Dir::State::status=/dev/null \
            -o "Dir::State::lists=$PWD/lists" -o "Dir::Cache::archives=$PWD/archives" -o Dir::Cache::pkgcache= \
            -o Dir::Cache::srcpkgcache= "$@"
    fi
    "$command" "$@"
}

# The package that the metapackage stands for at the moment.
kernel_package() {
    of_it apt-cache depends "linux-image-cloud-$architecture" 2>/dev/null | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1
}

# fetch PACKAGE: unpacks the newest version under ./PACKAGE
fetch() {
    of_it apt-get -qq -o APT::Sandbox::User=root -o Acquire::Retries=3 download "$1"
    mkdir "$1"
    dpkg-deb --extract "$1"_*.deb "$1"
}

if [ ! -d "$image" ]; then
    echo "fetching Debian's cloud kernel and busybox for the guest into $image (once)" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/vm.new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    cd "$new"
    kernel=$(kernel_package)
    if [ -z "$kernel" ]; then
        of_it apt-get -qq -o APT::Sandbox::User=root update
        kernel=$(kernel_package)
    fi
    if [ -z "$kernel" ]; then
        echo "apt knows no linux-image-cloud-$architecture: this needs Debian" >&2
        exit 1
    fi
    fetch "$kernel"
    fetch busybox-static
    mkdir image image/modules
    cp "$kernel"/boot/vmlinuz-* image/vmlinuz
    find busybox-static -path '*/bin/busybox' -exec cp {} image/busybox ';'
    # This machine's, to ask.
    (mkdir here && cd here && apt-get -qq -o APT::Sandbox::User=root download busybox-static && dpkg-deb --extract ./*.deb .)
    # Where /lib is a part of /usr, the package says so.
    root=$kernel
    [ -d "$root/lib/modules" ] || root=$kernel/usr
    version=$(ls "$root/lib/modules")
    # Debian 13 compresses modules.
    find "$root/lib/modules" -name '*.ko.xz' -exec xz --decompress {} +
    # modules FILE NAME...: copies them; FILE gets their order, each behind those that it depends on.
    modules() {
        list=image/modules/$1
        shift
        "$(find "$new/here" -path '*/bin/busybox')" depmod -n -b "$new/$root" "$version" 2>/dev/null |
            awk -F '[: ]+' -v names=" $* " '
                match($1, "[^/]+$") && index(names, " " substr($1, RSTART, RLENGTH - 3) " ") {
                    for (i = NF; i; i--) if ($i && !seen[$i]++) print $i
                }' |
            while read -r module; do
                cp "$root/lib/modules/$version/$module" image/modules/
                basename "$module"
            done >"$list"
        for name; do
            # The kernels of Debian 12 and 13 differ in what is built in.
            if ! { cat "$list"; sed 's:.*/::' "$root/lib/modules/$version/modules.builtin"; } | grep -qx "$name.ko"; then
                echo "no $name among the modules of $kernel" >&2
                exit 1
            fi
        done
    }
    modules card virtio_net virtio_pci
    modules kinds veth bridge vrf bonding team openvswitch macvlan 8021q
    mv image "$image"
    cd /
fi

# The initramfs holds the scripts and autora as they are now.
tree=$(mktemp -d)
trap 'rm -rf "$tree" ${new:+"$new"}' EXIT
mkdir "$tree/bin" "$tree/host" "$tree/dev" "$tree/proc" "$tree/sys"
cp "$image/busybox" "$tree/bin/busybox"
ln -s busybox "$tree/bin/sh"
cp -r "$image/modules" "$tree/modules"
install -m 755 "$here/init" "$here/router" "$here/kinds" "$tree"
# program FILE DIRECTORY: copies it, with its loader and libraries if it is not static.
program() {
    cp "$1" "$tree$2/"
    ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$tree${library%/*}"
        cp -L "$library" "$tree$library"
    done
}
program "${AUTORA:-$here/../../target/release/autora}" /bin
# busybox has an `ip` of its own, which its shell prefers.
if [ "$architecture" = "$(dpkg --print-architecture)" ]; then
    program "$(command -v ip)" /host
    program "$(command -v ovs-dpctl)" /host
fi
(cd "$tree" && find . | cpio --quiet --create --format=newc) | gzip -1 >"$image/initramfs.new"
mv "$image/initramfs.new" "$image/initramfs"
echo "$image"
