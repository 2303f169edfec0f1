# shellcheck shell=bash
# root: hypervisors
# Podman on the host, as docs/hypervisors.md says.

# shellcheck source=tests/system/inside/hosts.sh
. /autora-tests/inside/hosts.sh

in_guest() {
    podman exec vm-1 "$@"
}

# The image is made of the guest's root instead of fetched.
case_set_up() {
    mount -t tmpfs tmpfs /var/lib/containers
    # The containers of these tests may have no controllers.
    printf '[containers]\npids_limit = 0\n' >/etc/containers/containers.conf
    guest_root /srv/guest
    tar -C /srv/guest --create . | podman import --quiet - docker.io/library/debian:13
    umount /srv/guest
    follow 'Every host'
}

case_the_page() {
    follow Podman
    until_true 30 online 2001:db8:1: in_guest
    echo "note: $(podman --version)"
}

case_the_container_is_made_anew_and_its_namespace_ends() {
    podman rm --force --time 0 vm-1
    is tap-vm-1 active
    eval "$(steps Podman | grep "^podman run")"
    until_true 30 online 2001:db8:1: in_guest
    podman rm --force --time 0 vm-1
    ip netns delete vm-1
    until_true 30 ended
}
