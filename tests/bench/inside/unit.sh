# shellcheck shell=bash
# Runs in a booted system that has the package: what guests cost the host through systemd, with the unit as it is
# and with others. What is measured is printed as "note: UNIT KEY VALUE". GUESTS and UNITS come from the file
# "settings" beside it; times are in microseconds, memory in KiB of the whole host.

# shellcheck source=/dev/null
. /autora-tests/cases/settings

now() {
    echo "${EPOCHREALTIME/./}"
}

# links COMMAND: the command for each guest, where N is its number, in one batch.
links() {
    local i
    for ((i = 1; i <= GUESTS; i++)); do
        echo "${1//N/$i}"
    done
}

served_are() {
    [ "$(ip -n guest -6 -o route show default proto ra | grep -o 'dev g[0-9]*' | sort -u | wc -l)" -ge "$1" ]
}

active_are() {
    [ "$(systemctl list-units --plain --no-legend --state=active 'autora@*.service' | wc -l)" -ge "$1" ]
}

# left_are COUNT: no more than these run, or still withdraw.
left_are() {
    [ "$(systemctl list-units --plain --no-legend --state=active,deactivating 'autora@*.service' | wc -l)" -le "$1" ]
}

one_more_is_served() {
    ip -n guest -6 route show default proto ra dev g60000 | grep -q default
}

no_routes() {
    not served_are 1
}

kib() {
    sed -n "s/^$1:[[:space:]]*\([0-9]*\) kB$/\1/p" "$2"
}

# What the processors keep as free pages of their own, which MemAvailable leaves out: hundreds of MiB after much work.
free_lists() {
    awk '$1 == "count:" { pages += $2 } END { print pages * 4 }' /proc/zoneinfo
}

# The memory of the host, when what has just happened has settled: KEY VALUE...
memory() {
    sleep 3
    local key
    echo "available $(($(kib MemAvailable /proc/meminfo) + $(free_lists)))"
    for key in AnonPages Shmem Slab PageTables KernelStack Percpu VmallocUsed; do
        echo "$key $(kib $key /proc/meminfo)"
    done
    echo "manager $(kib VmRSS /proc/1/status)"
    echo "journald $(kib VmRSS "/proc/$(systemctl show --value -p MainPID systemd-journald.service)/status")"
}

# more_memory UNIT BEFORE: by how much it has grown.
more_memory() {
    memory | while read -r key value; do
        echo "note: $1 $key $((value - $(sed -n "s/^$key //p" "$2")))"
    done
}

# timed UNIT KEY SECONDS COMMAND...: until the command is true.
timed() {
    local begin=$begin unit=$1 key=$2
    shift 2
    until_true "$@"
    echo "note: $unit $key $(($(now) - begin))"
}

case_units() {
    local unit begin pids
    host_network
    guest_namespace
    dpkg --install /autora-debs/autora_*.deb
    set_pattern '^tap-vm-[0-9]+$'
    systemctl reload autora.service
    mkdir -p /run/systemd/system/autora@.service.d
    # The links are there before, so that their own memory is not counted.
    systemctl stop autora.service
    links 'link add tap-vm-N type veth peer name gN netns guest' | ip -batch -
    for unit in $UNITS; do
        cp "/autora-tests/cases/$unit.conf" /run/systemd/system/autora@.service.d/bench.conf
        systemctl daemon-reload
        links 'link set tap-vm-N down' | ip -batch -
        # The guests forget their routes.
        links 'link set gN down' | ip -n guest -batch -
        links 'link set gN up' | ip -n guest -batch -
        links 'link set tap-vm-N up' | ip -batch -
        links 'addr replace 2001:db8:N::1/64 dev tap-vm-N nodad' | ip -batch -
        memory >/tmp/before
        begin=$(now)
        systemctl --no-block start autora.service
        if [ "$unit" = idle ]; then
            timed "$unit" served 300 active_are "$GUESTS"
        else
            timed "$unit" served 300 served_are "$GUESTS"
        fi
        until_true 300 active_are "$GUESTS"
        more_memory "$unit" /tmp/before
        if [ "$unit" != idle ]; then
            pids=$(pgrep -d , -x autora)
            begin=$(now)
            systemctl restart autora.service
            autora apply --wait
            timed "$unit" restarted 300 active_are "$GUESTS"
            [ "$(pgrep -d , -x autora)" != "$pids" ]
            printf '%s\n' 'link add tap-vm-60000 type veth peer name g60000 netns guest' \
                'addr add 2001:db8:ea60::1/64 dev tap-vm-60000 nodad' 'link set tap-vm-60000 up' | ip -batch -
            begin=$(now)
            ip -n guest link set g60000 up
            timed "$unit" one_more 60 one_more_is_served
            ip link del tap-vm-60000
            begin=$(now)
            systemctl reload autora.service
            timed "$unit" reloaded 60 true
            set_pattern '^tap-vm-[0-9]*[02468]$'
            begin=$(now)
            systemctl reload autora.service
            timed "$unit" halved 300 left_are $((GUESTS / 2))
            set_pattern '^tap-vm-[0-9]+$'
            begin=$(now)
            systemctl reload autora.service
            timed "$unit" whole 300 active_are "$GUESTS"
            # Those that have just started advertise more often, and not again for 3 s (RFC 4861, 6.2.4 and 6.2.6).
            sleep 20
        fi
        begin=$(now)
        systemctl stop autora.service
        [ "$unit" = idle ] || timed "$unit" stopped 300 no_routes
        systemctl stop 'autora@*.service'
    done
}
