# shellcheck shell=bash
# What systemd and udev themselves say of the files.

# exposed_at_most UNIT TENTHS
exposed_at_most() {
    systemd-analyze security --no-pager --threshold="$2" "$1" >/tmp/security || {
        cat /tmp/security
        fail "$1 is more exposed than $2 tenths"
    }
    echo "note: $1: $(tail -n 1 /tmp/security)"
}

case_systemd_analyze_security_is_at_most_3_5() {
    exposed_at_most autora@tap-vm-1.service 35
    exposed_at_most autora.service 35
    exposed_at_most autora-instances.service 35
    exposed_at_most autora-gone@tap-vm-1.service 15
}

case_with_the_belts_it_is_at_most_1_6_and_serves() {
    mkdir -p /run/systemd/system/autora@.service.d
    cp /usr/share/doc/autora/examples/systemd/belts.conf /run/systemd/system/autora@.service.d/
    systemctl daemon-reload
    exposed_at_most autora@tap-vm-1.service 16
    one_guest
    systemctl stop autora@tap-vm-1.service
    until_true 5 routeless
    rm -r /run/systemd/system/autora@.service.d
    systemctl daemon-reload
}

case_systemd_analyze_verify_is_silent() {
    local said
    said=$(systemd-analyze verify --man=no --recursive-errors=no \
        autora.service autora@tap-vm-1.service autora-gone@tap-vm-1.service 2>&1)
    [ -z "$said" ] || fail "$said"
}

# udevadm verify came with systemd 254.
case_udev_finds_no_fault_with_the_rule() {
    if udevadm verify --help >/dev/null 2>&1; then
        udevadm verify /usr/lib/udev/rules.d/60-autora.rules
    else
        # The older one says what it does not understand when it reads the rules.
        local cursor
        cursor=$(journalctl --lines=0 --show-cursor | sed -n 's/^-- cursor: //p')
        systemctl restart systemd-udevd.service
        udevadm settle
        not grep autora <(journalctl --after-cursor="$cursor" _SYSTEMD_UNIT=systemd-udevd.service)
    fi
}
