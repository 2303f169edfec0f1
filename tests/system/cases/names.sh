# shellcheck shell=bash
# Whatever characters a name holds, the rule, the switch, status and check mean the same instance by it, or none.
# The kernel refuses a slash, a colon, white space and a per cent sign; udev renames what holds bytes above 127.

# shellcheck disable=SC1003,SC2016 # they are to be as they are
names=("q'1" 'q"2' 'q\3' 'q$4' 'q6\' 'q;7' 'q=8' "q'9'" 'q"10"' 'q\x2d11' 'q`12' 'q#13' 'q{14}' '"15"' "'16'" '\17' 'q-,18')

# number NAME: as each ends with, for the /64 of its guest.
number() {
    local digits=${1//[!0-9]/}
    [ "$1" != 'q\x2d11' ] || digits=11
    echo "$digits"
}

# unit_of NAME, by a rule of this file's own.
unit_of() {
    local instance='' byte
    for byte in $(printf %s "$1" | od -An -v -tx1); do
        case $byte in
        3[0-9] | 4[1-9a-f] | 5[0-9a] | 6[1-9a-f] | 7[0-9a] | 2d | 2e | 3a | 5f | 40) instance+=$(printf '%b' "\\x$byte") ;;
        *) instance+="\\x$byte" ;;
        esac
    done
    echo "autora@$instance.service"
}

case_set_up() {
    local name number
    host_network
    guest_namespace guest
    set_pattern '[0-9]'
    systemctl reload autora.service
    for name in "${names[@]}"; do
        number=$(number "$name")
        ip link add dev "$name" type veth peer name "g$number" netns guest
        ip addr add "2001:db8:$number::1/64" dev "$name" nodad
        ip link set dev "$name" up
        ip -n guest link set "g$number" up
    done
    udevadm settle
}

case_the_rule_starts_the_instance_of_the_same_name_or_none() {
    local name unit expected=0 none=()
    # What was requested last.
    until_true 10 served 18
    sleep 1
    for name in "${names[@]}"; do
        unit=$(unit_of "$name")
        if systemctl is-active --quiet "$unit"; then
            expected=$((expected + 1))
            until_true 10 served "$(number "$name")"
        else
            none+=("$name")
            autora check "$name" >/tmp/check || true
            grep -qF "systemctl start 'autora@" /tmp/check && grep -qF "${unit%.service}" /tmp/check ||
                fail "check of $name: $(cat /tmp/check)"
        fi
    done
    # No instance but those.
    [ "$(running_instances | wc -l)" -eq "$expected" ] || fail "$expected are expected: $(running_instances)"
    echo "note: $expected by the rule; by none: ${none[*]}"
    nothing_failed
}

case_by_hand_each_is_served() {
    local name
    for name in "${names[@]}"; do
        systemctl start "$(unit_of "$name")"
        until_true 10 served "$(number "$name")"
    done
    [ "$(running_instances | wc -l)" -eq "${#names[@]}" ]
}

case_status_and_check_find_each() {
    local name
    for name in "${names[@]}"; do
        autora status --format prometheus "$name" >/tmp/status || fail "status of $name: $(cat /tmp/status)"
        autora status "$name" | grep -qF "2001:db8:$(number "$name")::/64" || fail "status of $name"
        autora check "$name" >/tmp/check || fail "check of $name: $(cat /tmp/check)"
        grep -qF "2001:db8:$(number "$name")::/64" /tmp/check || fail "check of $name: $(cat /tmp/check)"
    done
}

case_reload_stops_only_those_that_do_not_match() {
    local name
    set_pattern '[q\\].*[0-9]$'
    systemctl reload autora.service
    for name in "${names[@]}"; do
        if [[ $name =~ [q\\].*[0-9]$ ]]; then
            systemctl is-active --quiet "$(unit_of "$name")" || fail "$name was stopped"
        else
            until_true 5 not systemctl is-active --quiet "$(unit_of "$name")"
        fi
    done
    systemctl stop autora.service
    no_instance_left
}
