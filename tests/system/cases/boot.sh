# shellcheck shell=bash
# 50 configured interfaces are there before udev is (boot.sh.before-boot makes them).

case_all_50_are_served_after_the_boot() {
    local number
    for number in {1..50}; do
        until_true 30 served "$number" || fail "interface $number"
    done
    [ "$(pgrep -cx autora)" -eq 50 ]
    nothing_failed
}
