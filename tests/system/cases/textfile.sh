# shellcheck shell=bash
# The examples' timer, which writes autora's metrics for node_exporter, as the package brings it.

examples=/usr/share/doc/autora/examples/prometheus
metrics=/var/lib/prometheus/node-exporter/autora.prom

case_set_up() {
    one_guest
    # Matches, and has no instance.
    plug tap-vm-2 2
    until_true 10 is tap-vm-2 active
    systemctl stop autora@tap-vm-2
    # As the package prometheus-node-exporter makes it.
    mkdir -p "${metrics%/*}"
    cp "$examples"/autora-textfile.* /etc/systemd/system/
    systemctl daemon-reload
}

case_the_sandbox_lets_everything_be_seen() {
    systemctl start autora-textfile.service
    grep -qx 'autora_advertising{interface="tap-vm-1"} 1' "$metrics"
    grep -qx 'autora_instance_up{interface="tap-vm-2"} 0' "$metrics"
    [ "$(stat -c '%U %a' "$metrics")" = "root 644" ]
    [ "$(ls "${metrics%/*}")" = autora.prom ]
    # But for the time, it is what it says without a sandbox.
    diff <(grep -v timestamp "$metrics") <(autora status --format prometheus | grep -v timestamp)
}

case_the_timer_renews_them() {
    local before
    before=$(stat -c %i "$metrics")
    # A minute is long here.
    mkdir -p /run/systemd/system/autora-textfile.timer.d
    printf '[Timer]\nOnCalendar=*:*:*\n' >/run/systemd/system/autora-textfile.timer.d/test.conf
    systemctl daemon-reload
    systemctl enable --now autora-textfile.timer
    systemctl list-timers --no-pager autora-textfile.timer | grep -q autora-textfile.service
    until_true 20 renewed "$before"
    systemctl disable --now autora-textfile.timer
}
renewed() {
    [ "$(stat -c %i "$metrics")" != "$1" ]
}

case_systemd_finds_no_fault_with_the_units() {
    local said
    said=$(systemd-analyze verify --man=no --recursive-errors=no autora-textfile.timer autora-textfile.service 2>&1)
    [ -z "$said" ] || fail "$said"
}
