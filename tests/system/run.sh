#!/bin/bash
# Boots Debian 12 and 13 with the freshly built package and runs the cases in them.
#
#   tests/system/run.sh [--vm | --all] [--suite bookworm|trixie|forky] [CASE-FILE]...
#
# A file of cases with the line "# root: NAME" needs the packages in roots/NAME too, and runs in a container of Debian 13
# only. Those of roots/hypervisors, which are large, are left out unless they are named, or with --all.
#
# It boots containers. With --vm it boots virtual machines with Debian's own kernel, by KVM if the processor has it,
# and otherwise emulated with one processor, where the cases wait AUTORA_TEST_SLOW (10) times as long for something.
# Emulated, a file takes 0.5 to 2.5 minutes, switch.sh 4. Two have not been run whole there: recreate.sh needs 4 s for
# each of its first 300 cycles, so about an hour in all; batch.sh starts 200 instances, more than 1 s each.
set -eu -o pipefail

cd "$(dirname "$0")"
# shellcheck source=tests/setup.sh
. ../setup.sh
suites=(bookworm trixie)
boot=boot.sh
all=
while [ $# -gt 0 ]; do
    case $1 in
    --vm) boot=vm.sh ;;
    --all) all=1 ;;
    --suite)
        suites=("$2")
        shift
        ;;
    *) break ;;
    esac
    shift
done
# root_of CASE: the name in roots, if it needs more than the others.
root_of() {
    sed -n 's/^# root: //p' "cases/$1"
}
cases=("$@")
if [ $# -eq 0 ]; then
    mapfile -t found < <(find cases -name '*.sh' -printf '%f\n' | sort)
    for case in "${found[@]}"; do
        if [ -n "$all" ] || [ "$(root_of "$case")" != hypervisors ]; then
            cases+=("$case")
        fi
    done
fi

if [ "$boot" = vm.sh ]; then
    install_tools qemu-system-x86_64=qemu-system-x86 mke2fs=e2fsprogs cpio=cpio xz=xz-utils
else
    install_tools systemd-nspawn=systemd-container
fi
install_tools mmdebstrap=mmdebstrap piuparts=piuparts dh=debhelper dpkg-buildpackage=dpkg-dev gcc=gcc

work=$(mktemp -d)
mounted=()
cleanup() {
    for directory in "${mounted[@]}"; do
        as_root umount "$directory"
    done
    as_root rm -rf "$work"
}
trap cleanup EXIT

echo "building the package"
./build-deb.sh "$work/debs"
# The package's own tests, which autopkgtest runs. By this file it knows a tree that it need not build.
mkdir "$work/debs/source"
cp -r ../../debian "$work/debs/source"
: >"$work/debs/source/debian/files"
# What wall.sh attacks instances with; static, so that it runs in every suite.
gcc -O1 -static -Wall -Wextra -Werror -o "$work/debs/attack" tools/attack.c

# The package is installed over the cached root, which stays as it is: install_over_root ROOT DIRECTORY
install_over_root() {
    local root=$1 over=$2
    as_root mkdir -p "$over/space"
    as_root mount -t tmpfs tmpfs "$over/space"
    mounted=("$over/space" "${mounted[@]}")
    as_root mkdir "$over/space/upper" "$over/space/work" "$over/root"
    as_root mount -t overlay overlay \
        -o "lowerdir=$root,upperdir=$over/space/upper,workdir=$over/space/work" "$over/root"
    mounted=("$over/root" "${mounted[@]}")
    as_root cp "$work"/debs/*.deb "$over/root/tmp/autora.deb"
    as_root chroot "$over/root" dpkg --install /tmp/autora.deb >/dev/null
    as_root rm "$over/root/tmp/autora.deb"
}

# run_suite SUITE ROOT: its cases one after another, counted in $work/SUITE.count.
run_suite() {
    local suite=$1 plain=$2 log=$work/$1.log case more root guest status bad passed=0 failed=0
    for case in "${cases[@]}"; do
        root=$work/$suite/root
        guest=()
        more=$(root_of "$case")
        if [ -n "$more" ]; then
            [ "$suite $boot" = 'trixie boot.sh' ] || continue
            root=$work/$suite-$more/root
            # Its guests are like the hosts of the others.
            guest=("$plain")
        fi
        # It installs the package itself, in a running system.
        [ "$case" != package.sh ] || root=$plain
        echo "== $suite: $case"
        status=0
        as_root "./$boot" "$root" "$work/debs" "$case" "${guest[@]}" | tee "$log" || status=$?
        passed=$((passed + $(grep -c '^ok  ' "$log" || true)))
        bad=$(grep -c '^FAILED  ' "$log" || true)
        # A boot that ends without the word of a case has failed as well.
        if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || ! grep -q '^ok  ' "$log"; }; then
            echo "FAILED  $suite: $case ended with status $status"
            bad=1
        fi
        failed=$((failed + bad))
    done
    echo "$passed $failed" >"$work/$suite.count"
}

passed=0
failed=0
# judge TITLE COMMAND...: one test, whose output is shown if it fails.
judge() {
    local title=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $title$(sed -n 's/^cargo [0-9].*/, with &/p' "$work/log")"
    else
        failed=$((failed + 1))
        echo "FAILED  $title"
        tail -n 40 "$work/log"
    fi
}

# The promise that Debian 13's own compiler and the source package are enough.
build_in_debian13() {
    local tag
    tag=v$(dpkg-parsechangelog --file ../../debian/changelog --show-field Version | sed 's/-[^-]*$//')
    ../../.ci/release source "$tag" "$work/build" && as_root nice -n 19 ./build-in-debian13.sh "$work/build"
}

# Debian's own test of packages: what systemd leaves behind is not ours.
install_and_purge() {
    as_root nice -n 19 piuparts --distribution trixie --existing-chroot "$(as_root ./root.sh trixie)" --no-eatmydata \
        --warn-on-others "$work"/debs/autora_*.deb
}

# Containers mostly wait, so that the suites run side by side; an emulated machine wants a processor for itself.
for suite in "${suites[@]}"; do
    plain=$(as_root ./root.sh "$suite" autopkgtest network-manager radvd)
    install_over_root "$plain" "$work/$suite"
    if [ "$suite $boot" = 'trixie boot.sh' ]; then
        for more in $(for case in "${cases[@]}"; do root_of "$case"; done | sort -u); do
            mapfile -t packages <"roots/$more"
            larger=$(as_root ./root.sh "$suite" "${packages[@]}")
            install_over_root "$larger" "$work/$suite-$more"
        done
    fi
    echo "0 1" >"$work/$suite.count"
    run_suite "$suite" "$plain" > >(sed -u "s/^/$suite  /") 2>&1 &
    [ "$boot" = boot.sh ] || wait
done
# Beside them; a run of named cases or with --vm leaves it out.
if [ "$boot" = boot.sh ] && [ $# -eq 0 ] && [ "${#suites[@]}" -eq 2 ]; then
    judge "piuparts installs and purges the package in Debian 13" install_and_purge
    judge "Debian 13 builds the source package offline, twice the same, no complaint of lintian" build_in_debian13
fi
wait
for suite in "${suites[@]}"; do
    read -r good bad <"$work/$suite.count"
    passed=$((passed + good))
    failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
