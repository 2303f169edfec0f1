# shellcheck shell=bash
# What the journal of a booted system makes of the messages.

# message_id SUBJECT: its number, by the beginning of the subject in the catalogue.
message_id() {
    grep --before-context=1 --fixed-strings "Subject: $1" /usr/lib/systemd/catalog/autora.catalog |
        sed -n 's/^-- //p'
}

# logged SUBJECT [MATCH]...: there is such an entry for tap-vm-1.
logged() {
    journalctl --sync
    journalctl MESSAGE_ID="$(message_id "$1")" AUTORA_INTERFACE=tap-vm-1 "${@:2}" | grep -q tap-vm-1
}

# explain SUBJECT: what journalctl says of the newest such entry is in /tmp/said.
explain() {
    journalctl --catalog --lines=1 MESSAGE_ID="$(message_id "$1")" AUTORA_INTERFACE=tap-vm-1 | tee /tmp/said
    not grep '@AUTORA' /tmp/said
}

case_set_up() {
    one_guest
    logged 'Guests behind @AUTORA_INTERFACE@ get'
}

# streams PATTERN: journald has a connection of a unit so called as its standard output.
streams() {
    grep "^UNIT=$1" /run/systemd/journal/streams/*
}

case_journald_keeps_no_other_connection_of_an_instance() {
    local fd
    streams 'systemd-udevd'
    until_true 10 not streams 'autora@'
    for fd in 0 1 2; do
        [ "$(readlink "/proc/$(main_pid tap-vm-1)/fd/$fd")" = /dev/null ]
    done
}

case_the_package_brought_the_catalogue_into_the_database() {
    local id
    id=$(message_id 'Guests behind @AUTORA_INTERFACE@ get')
    journalctl --list-catalog "$id" | grep -F 'autora: Guests behind'
    [ "$(journalctl --list-catalog | grep -c ' autora: ')" -eq "$(grep -c '^Subject: ' /usr/lib/systemd/catalog/autora.catalog)" ]
}

case_an_entry_has_one_message_id_and_the_interface() {
    local id
    id=$(message_id 'Guests behind @AUTORA_INTERFACE@ get')
    journalctl --output=export --lines=1 MESSAGE_ID="$id" AUTORA_INTERFACE=tap-vm-1 |
        grep --text '^[A-Z_]*\(MESSAGE_ID\|AUTORA_[A-Z]*\)' >/tmp/fields
    cat /tmp/fields
    [ "$(grep -c MESSAGE_ID /tmp/fields)" -eq 1 ]
    [ "$(grep -c '^AUTORA_INTERFACE' /tmp/fields)" -eq 1 ]
}

case_the_explanation_names_the_interface_and_the_prefix() {
    explain 'Guests behind @AUTORA_INTERFACE@ get'
    grep -F 'Subject: Guests behind tap-vm-1 get 2001:db8:1::/64' /tmp/said
    grep -F 'man:autora(8)' /tmp/said
}

case_silence_is_explained_with_its_reason() {
    echo 0 >/proc/sys/net/ipv6/conf/tap-vm-1/forwarding
    until_true 10 logged 'No Router Advertisements on @AUTORA_INTERFACE@' AUTORA_REASON=not-forwarding
    explain 'No Router Advertisements on @AUTORA_INTERFACE@'
    grep -F 'Subject: No Router Advertisements on tap-vm-1: not-forwarding' /tmp/said
    until_true 10 logged 'Guests behind @AUTORA_INTERFACE@ are told'
}

case_a_stop_says_how_to_start_again() {
    systemctl stop autora@tap-vm-1.service
    explain 'autora stops on'
    grep -F 'systemctl start autora@tap-vm-1' /tmp/said
}

case_a_restart_and_the_end_of_the_interface_are_told_apart() {
    systemctl start autora@tap-vm-1.service
    systemctl restart autora@tap-vm-1.service
    logged 'autora exits on'
    unplug tap-vm-1
    until_true 10 logged 'The interface @AUTORA_INTERFACE@ is gone'
}

# journald looks up the unit of a process after it has read its line.
case_each_failure_is_in_the_journal_of_its_unit() {
    local before
    plug tap-vm-1 1
    until_true 10 served 1
    systemctl stop autora@tap-vm-1.service
    mkdir -p /etc/default/autora.d
    echo AUTORA_ROUTER_LIFETIME=9x >/etc/default/autora.d/tap-vm-1.conf
    before=$(date +%s)
    for _ in {1..20}; do
        not systemctl start autora@tap-vm-1.service
    done
    rm /etc/default/autora.d/tap-vm-1.conf
    unplug tap-vm-1
    journalctl --sync
    [ "$(journalctl --unit=autora@tap-vm-1.service --since="@$before" | grep -c 'is "9x"')" -eq 20 ]
}

case_a_value_that_does_not_parse_is_one_entry_with_its_variable() {
    local id
    id=$(message_id 'autora did not start: the configuration')
    echo 'AUTORA_MAX_RA_INTERVAL=60' >>/etc/default/autora
    plug tap-vm-2 2
    until_true 10 is tap-vm-2 failed
    journalctl --sync
    journalctl --output=cat MESSAGE_ID="$id" _SYSTEMD_UNIT=autora@tap-vm-2.service >/tmp/said
    cat /tmp/said
    [ "$(wc -l </tmp/said)" -eq 1 ]
    grep -F -- '--max-ra-interval (AUTORA_MAX_RA_INTERVAL) is "60": a duration is a number with its unit' /tmp/said
    journalctl --lines=1 MESSAGE_ID="$id" AUTORA_EXIT_STATUS=2 | grep -q autora
}

case_no_such_interface_is_known_by_its_number() {
    set_pattern '^tap-vm-[0-9]+$'
    not systemctl start autora@tap-vm-9.service
    journalctl --sync
    journalctl MESSAGE_ID="$(message_id 'autora did not start: there is no such')" AUTORA_INTERFACE=tap-vm-9 |
        grep tap-vm-9
}
