# shellcheck shell=bash
# What systemd and udev themselves say of the files.

case_systemd_analyze_security_is_at_most_1_5() {
    systemd-analyze security --no-pager --threshold=15 autora@tap-vm-1.service >/tmp/security || {
        cat /tmp/security
        fail "more exposed than 1.5"
    }
    echo "note: $(tail -n 1 /tmp/security)"
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
