# shellcheck shell=bash
# The rule and the instance see the same pattern, whatever /etc/default/autora holds.

# Each holds an open parenthesis: the pattern is then refused, and the refusal shows the string that was seen.
rows=(
    $'P=^(tap$'
    $'P=^(tap$\n'
    $'P=^(tap$\r\nQ=1\r\n'
    $' \t P \t= \t^(tap$ \t \n'
    $'P=\'^(tap-[0-9]+$\'\n'
    $'P="^(tap-[0-9]+$"\n'
    $'P=\'(\\d\'\n'
    $'P="(\\d"\n'
    $'P=(\\d\n'
    $'P=(\\\\d\n'
    $'P="(\\\\d"\n'
    $'P=\'(\\\\d\'\n'
    $'P="(\\$"\n'
    $'P="(\\"\\`"\n'
    $'P=(\\\'\\"\n'
    $'P=$HOME($$${HOME}%i%%\n'
    $'P="$HOME(${HOME}%i"\n'
    $'P=\'$HOME(${HOME}%i\'\n'
    $'P=(a b\n'
    $'P=\'(a \' \n'
    $'P=(a\\ \n'
    $'P=\\ (a\n'
    $'P=\'(\'"b"c\n'
    $'P=\'(\'  \'b\'  c \n'
    $'P=(\'b\'\n'
    $'P=("b\n'
    $'P=\'(open\nQ=1\n'
    $'P="(open\nQ=1\n'
    $'P=(a # b\n'
    $'P=\'(a\' # b\n'
    $'# P=(a\n; P=(b\n'
    $'  # x\nP=(a\n'
    $'# a \\d comment\nP=(a\n'
    $'# a comment \\\n\nP=(a\n'
    $'# a comment \\\r\nP=(a\n'
    $'P=(a\\\nb\n'
    $'P=(a\\\r\nb\n'
    $'P="(a\\\nb"\n'
    $'P="(a\\\r\nb"\n'
    $'P=\'(a\\\nb\'\n'
    $'P=(a\nP=(b\n'
    $'P=(a\nP=\n'
    $'P=\n'
    $'P=""\n'
    $'\n'
    $'P\n=(b\n'
    $'export P=(a\n'
    $'P=(a\001b\n'
    $'P=(a\nP=\'(a\rb\'\n'
    $'P=(a\tb\n'
    $'P=(\u00e9\n'
    $'P=(a\nQ=\uffff\n'
    $'P=(a\nQ=\xff\n'
    $'# \xff\nP=(a\n'
    $'\ufeffP=(a\n'
    $'P=(a\\'
    $'P="(a\\'
    $'Q=(a\n'
)

# What a service gets from systemd, or "(unset)", in the variable seen.
systemd_sees() {
    # "$$" is a dollar sign for systemd, which the service's shell then expands.
    # shellcheck disable=SC2016
    systemd-run --quiet --wait --property=EnvironmentFile=-/etc/default/autora \
        --property=StandardOutput=truncate:/tmp/seen \
        sh -c 'printf %sx "$${AUTORA_INTERFACE_REGEX-(unset)}"'
    seen=$(cat /tmp/seen)
    seen=${seen%x}
}

# What autora says to a pattern, without the time, and its exit status.
answer() {
    local status=0
    "$@" 2>/tmp/answer || status=$?
    sed 's/^.* error: //; s/ (in [^()]*)$//' /tmp/answer
    echo "status $status"
}

case_rule_and_instance_see_the_same_string() {
    local row seen rule instance wrong=0
    for row in "${rows[@]}"; do
        printf %s "${row//P/AUTORA_INTERFACE_REGEX}" >/etc/default/autora
        systemd_sees
        rule=$(answer autora match --environment-file /etc/default/autora -- tap)
        if [ "$seen" = '(unset)' ]; then
            instance=$(answer autora match -- tap)
        else
            instance=$(AUTORA_INTERFACE_REGEX=$seen answer autora match -- tap)
        fi
        if [ "$rule" != "$instance" ]; then
            echo "${row@Q}: systemd sees ${seen@Q}; rule: $rule; instance: $instance"
            wrong=1
        fi
    done
    echo "note: ${#rows[@]} rows"
    [ "$wrong" -eq 0 ]
}

case_a_file_without_the_setting_or_no_file_serves_nothing() {
    rm /etc/default/autora
    [ "$(answer autora match --environment-file /etc/default/autora -- tap)" = 'status 1' ]
}

# systemd up to 253 takes the next line for a part of the comment, since 254 it does not.
case_what_versions_of_systemd_read_differently_starts_nothing() {
    host_network
    printf '# tap-vm-1 \\\nAUTORA_INTERFACE_REGEX=^tap\n' >/etc/default/autora
    [ "$(answer autora match --environment-file /etc/default/autora -- tap | tail -n 1)" = 'status 78' ]
    not systemctl reload autora.service
    ip link add tap-vm-1 type veth peer name g1
    udevadm settle
    no_instance_left
}
