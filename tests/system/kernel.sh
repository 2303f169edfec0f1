#!/bin/sh
# Fetches Debian's cloud kernel of a suite, once, and prints where it is: kernel.sh SUITE. The directory holds
# vmlinuz, modules.img (a file system of all modules) and early/ (busybox, and the modules up to the root file
# system, which early/order names in the order of loading). Nothing is installed. Needs root.
set -eu

suite=$1
cache=${AUTORA_TEST_CACHE:-/var/cache/autora-tests}
kernel=$cache/kernel-$suite-1

if [ ! -d "$kernel" ]; then
    echo "fetching the kernel of $suite into $kernel (once)" >&2
    mkdir -p "$cache"
    new=$(mktemp -d "$cache/kernel.new.XXXXXX")
    trap 'rm -rf "$new"' EXIT
    # With this variant the packages are unpacked only.
    mmdebstrap --mode=root --variant=extract --include=linux-image-cloud-amd64,busybox-static \
        "$suite" "$new/tree" >&2 2>"$new/log" || {
        cat "$new/log" >&2
        exit 1
    }
    # Debian 13 has everything under /usr, but the loader of its programs is named without it.
    for directory in lib lib64; do
        [ -e "$new/tree/$directory" ] || ln -s "usr/$directory" "$new/tree/$directory"
    done
    modules=$new/tree/lib/modules
    version=$(ls "$modules")
    mkdir -p "$new/kernel/early"
    # Debian 13 compresses modules, which costs time in the machine and a library that the tree lacks.
    find "$modules" -name '*.ko.xz' -exec xz --decompress {} +
    # That of the suite, which has come with the kernel.
    PATH=$PATH:/usr/sbin:/sbin chroot "$new/tree" depmod "$version"
    # Each module behind those that it depends on.
    for module in virtio_pci virtio_blk ext4; do
        sed -n "s,^\(.*/$module\.ko\):\(.*\),\1\2,p" "$modules/$version/modules.dep"
    done | awk '{ for (i = NF; i; i--) if (!seen[$i]++) print $i }' |
        while read -r module; do
            cp "$modules/$version/$module" "$new/kernel/early/"
            basename "$module"
        done >"$new/kernel/early/order"
    find "$new/tree" -path '*/bin/busybox' -type f -exec cp {} "$new/kernel/early/busybox" ';'
    cp "$new/tree/boot/vmlinuz-$version" "$new/kernel/vmlinuz"
    truncate --size=1G "$new/kernel/modules.img"
    mke2fs -q -F -t ext4 -O ^has_journal -d "$modules" "$new/kernel/modules.img"
    mv "$new/kernel" "$kernel"
fi
echo "$kernel"
