# shellcheck shell=bash
# What "autora check" says of the package's own parts, and that its commands fix them.

case_set_up() {
    one_guest
}

# checked STATUS [NAME]...: the findings are in /tmp/check.
checked() {
    local expected=$1 status=0
    shift
    LC_ALL=C autora check "$@" >/tmp/check || status=$?
    cat /tmp/check
    [ "$status" = "$expected" ]
}

# finding MARK REQUIREMENT WORDS
finding() {
    grep -E "^  $1 $2  .*$3" /tmp/check
}

# Runs the command below a finding.
fix() {
    local command
    command=$(grep -A 1 -E "^  [x!] $1  " /tmp/check | sed -n '2s/^ *# //p')
    [ -n "$command" ]
    bash -ec "$command"
}

case_an_instance_that_runs_is_named_with_its_status() {
    checked 0 tap-vm-1
    finding '\+' 'name *' "'\^tap-vm-\[0-9\]\+\\$' \(/etc/default/autora\)"
    finding '\+' 'instance *' 'autora@tap-vm-1.service runs: advertising 2001:db8:1::/64'
    finding '\+' 'switch *' 'autora.service is on'
    finding '\+' 'udev rule *' '/usr/lib/udev/rules.d/60-autora.rules'
}

case_a_stopped_instance_is_a_cross_and_is_started() {
    systemctl stop autora@tap-vm-1
    checked 1
    finding x 'instance *' 'does not run'
    fix 'instance *'
    checked 0
}

case_a_masked_instance_is_a_cross_and_is_unmasked() {
    systemctl mask --now autora@tap-vm-1
    checked 1 tap-vm-1
    finding x 'instance *' 'is masked'
    fix 'instance *'
    checked 0 tap-vm-1
}

case_an_instance_that_fails_is_a_cross() {
    mkdir -p /etc/default/autora.d
    echo AUTORA_MAX_RA_INTERVAL=2s >/etc/default/autora.d/tap-vm-1.conf
    systemctl restart autora@tap-vm-1 || true
    checked 1 tap-vm-1
    finding x 'settings *' 'AUTORA_MAX_RA_INTERVAL'
    finding x 'instance *' 'exit-code, status 78'
    # Without a name as well: its settings may be what keeps it from matching.
    checked 1
    finding x 'settings *' 'AUTORA_MAX_RA_INTERVAL'
    rm /etc/default/autora.d/tap-vm-1.conf
    checked 1 tap-vm-1
    fix 'instance *'
    checked 0 tap-vm-1
}

case_the_switch_is_off() {
    systemctl disable --now autora
    plug tap-vm-2 2
    checked 1
    # One cause, and no cross for each guest.
    finding x 'switch *' 'is off'
    [ "$(grep -c '^  x ' /tmp/check)" -eq 1 ]
    grep '^tap-vm-2: would advertise 2001:db8:2::/64 once the switch is on' /tmp/check
    # What somebody starts by hand is served.
    systemctl start autora@tap-vm-1 autora@tap-vm-2
    checked 0
    finding '!' 'switch *' 'is off'
    systemctl stop autora@tap-vm-2
    checked 1
    fix 'switch *'
    autora apply --wait
    is tap-vm-2 active
    unplug tap-vm-2
    checked 0 tap-vm-1
    finding '\+' 'switch *' 'is on'
    systemctl disable autora
    checked 0 tap-vm-1
    finding '!' 'switch *' 'off after the next boot'
    fix 'switch *'
}

case_the_rule_is_turned_off() {
    ln -s /dev/null /etc/udev/rules.d/60-autora.rules
    checked 0
    finding '!' 'udev rule *' 'turns the rule off'
    fix 'udev rule *'
    checked 0 tap-vm-1
    finding '\+' 'udev rule *' '/usr/lib'
}

case_the_directory_of_the_switch_is_gone() {
    rmdir /run/autora-switch
    checked 0 tap-vm-1
    finding '!' 'switch *' '/run/autora-switch was removed'
    fix 'switch *'
    autora apply --wait
    checked 0 tap-vm-1
    finding '\+' 'switch *' 'is on'
    [ -d /run/autora-switch ]
}

case_udevd_does_not_run() {
    finding_udevd '\+' 'runs'
    systemctl stop systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket
    finding_udevd '!' 'does not run: new interfaces get no instance'
    fix 'udevd *'
    systemctl reload autora
    finding_udevd '\+' 'runs'
}
finding_udevd() {
    checked 0 tap-vm-1
    finding "$1" 'udevd *' "$2"
}

case_a_dry_run_is_named_wherever_it_is_set() {
    mkdir -p /run/systemd/system/autora@tap-vm-1.service.d
    printf '[Service]\nEnvironment=AUTORA_DRY_RUN=1\n' >/run/systemd/system/autora@tap-vm-1.service.d/dry.conf
    systemctl daemon-reload
    systemctl restart autora@tap-vm-1
    checked 1 tap-vm-1
    finding x 'dry run *' 'AUTORA_DRY_RUN is set'
    in_a_dry_run
    grep -F 'dry-run: autora@tap-vm-1 runs, but AUTORA_DRY_RUN is set' /tmp/status
    rm /run/systemd/system/autora@tap-vm-1.service.d/dry.conf
    systemctl daemon-reload
    echo AUTORA_DRY_RUN=1 >>/etc/default/autora
    systemctl reload autora
    checked 1 tap-vm-1
    finding x 'dry run *' 'AUTORA_DRY_RUN is set'
    until_true 5 in_a_dry_run
    sed -i /DRY_RUN/d /etc/default/autora
    systemctl reload autora
    autora apply --wait
    checked 0 tap-vm-1
}
in_a_dry_run() {
    # Its status is 1.
    autora status >/tmp/status || true
    grep -E '^tap-vm-1 +dry-run ' /tmp/status
}

case_what_an_ordinary_user_may_not_read_is_not_the_default() {
    chmod 600 /etc/default/autora
    local status=0
    setpriv --reuid=65534 --regid=65534 --clear-groups env LC_ALL=C autora check tap-vm-1 >/tmp/check || status=$?
    cat /tmp/check
    [ "$status" = 0 ]
    finding - 'settings *' '/etc/default/autora cannot be read: Permission denied'
    not grep 'does not match' /tmp/check
    chmod 644 /etc/default/autora
}

# What another daemon sent long ago is no cross, if the instance knows that it is over; only root can see that.
case_an_ordinary_user_is_told_what_cannot_be_seen() {
    local status=0
    setpriv --reuid=65534 --regid=65534 --clear-groups env LC_ALL=C autora check tap-vm-1 >/tmp/check || status=$?
    cat /tmp/check
    [ "$status" = 0 ]
    finding - 'nftables *' 'not checked'
    finding '\+' 'instance *' 'runs: advertising'
}
