#!/bin/sh
# Boots a root in QEMU with Debian's kernel, runs one file of cases in it and returns their status:
# vm.sh ROOT DEB-DIRECTORY CASE. Nothing is written to the root. Needs root.
set -eu

root=$1 debs=$2 case=$3
tests=$(cd "$(dirname "$0")" && pwd)
suite=$(sed -n 's/^VERSION_CODENAME=//p' "$root/etc/os-release")
kernel=$("$tests/kernel.sh" "$suite")
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# A /dev/kvm alone proves nothing. AUTORA_TEST_SLOW multiplies the time that the cases wait for something.
if [ -w /dev/kvm ] && grep -Eqw 'vmx|svm' /proc/cpuinfo; then
    set -- -accel kvm -cpu host
    slow=1
else
    set -- -accel tcg -cpu max
    slow=${AUTORA_TEST_SLOW:-10}
fi

# The root, with 512 MiB of space, and the initramfs with what does not belong to the root.
size=$(($(du --summarize --block-size=1M "$root" | cut -f 1) * 5 / 4 + 512))
truncate --size="${size}M" "$out/root.img"
mke2fs -q -F -t ext4 -O ^has_journal -d "$root" "$out/root.img"
mkdir "$out/initramfs" "$out/initramfs/bin" "$out/initramfs/autora-debs"
cp -r "$kernel/early" "$out/initramfs/early"
mv "$out/initramfs/early/busybox" "$out/initramfs/busybox"
ln -s ../busybox "$out/initramfs/bin/busybox"
cp -r "$tests" "$out/initramfs/autora-tests"
cp "$debs"/*.deb "$debs/attack" "$out/initramfs/autora-debs/"
cp "$tests/inside/vm-init" "$out/initramfs/init"
(cd "$out/initramfs" && find . | cpio --quiet --create --format=newc) | gzip -1 >"$out/initramfs.gz"

# The kernel hands "autora_case" to the environment of init. A panic reboots, which ends QEMU, as does an interrupt
# from the terminal or the end of this script.
setpriv --pdeathsig TERM timeout --foreground 150m qemu-system-x86_64 "$@" -machine q35 -smp 1 -m 1024 \
    -nodefaults -no-user-config -no-reboot -display none \
    -kernel "$kernel/vmlinuz" -initrd "$out/initramfs.gz" \
    -append "console=ttyS0 quiet panic=-1 mitigations=off autora_case=$case systemd.show_status=no \
systemd.setenv=AUTORA_CASE=$case systemd.setenv=AUTORA_TEST_SLOW=$slow" \
    -drive "file=$out/root.img,format=raw,if=virtio,cache=unsafe" \
    -drive "file=$kernel/modules.img,format=raw,if=virtio,read-only=on" \
    -serial "file:$out/console" -serial stdio </dev/null 2>"$out/qemu" |
    while IFS= read -r line; do
        case $line in
        'status '*) echo "${line#status }" >"$out/status" ;;
        *) printf '%s\n' "$line" ;;
        esac
    done
status=$(cat "$out/status" 2>/dev/null || echo 2)
case $status in
0 | 1) ;;
*)
    cat "$out/qemu" "$out/console"
    # A name instead of a number is a signal.
    status=2
    ;;
esac
exit "$status"
