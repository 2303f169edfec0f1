# shellcheck shell=bash
# An interface is deleted and made again under the same name, back to back.

# Two processes that only compute, as a busy hypervisor has them.
load() {
    local i
    for i in 1 2; do
        nice sh -c 'while :; do :; done' &
    done
    # shellcheck disable=SC2046 # a list of numbers
    trap 'kill $(jobs -p)' EXIT
}

at_the_end_one_instance() {
    local instances
    until_true 10 is tap-vm-1 active
    instances=$(running_instances)
    [ "$(wc -l <<<"$instances") $(pgrep -cx autora)" = '1 1' ] || fail "stray: $instances"
    nothing_failed
}

case_set_up() {
    one_guest
}

case_100_times_and_served_each_time() {
    local i
    load
    for i in {1..100}; do
        unplug tap-vm-1
        plug tap-vm-1
        until_true 15 served || fail "cycle $i"
    done
    at_the_end_one_instance
}

# Each is gone again in the middle of the start or the end of an instance.
case_100_times_without_a_pause() {
    local i
    load
    for i in {1..100}; do
        unplug tap-vm-1
        plug tap-vm-1
        ((i % 10)) || until_true 15 served || fail "cycle $i"
    done
    at_the_end_one_instance
}

case_100_times_with_a_pause_of_up_to_60_ms() {
    local i
    load
    for i in {1..100}; do
        unplug tap-vm-1
        sleep "0.0$((RANDOM % 6))"
        plug tap-vm-1
        sleep "0.0$((RANDOM % 6))"
        ((i % 10)) || until_true 15 served || fail "cycle $i"
    done
    at_the_end_one_instance
}

case_and_gone_for_good() {
    unplug tap-vm-1
    until_true 10 no_instance_left
    until_true 5 nothing_failed
}
