/* What code execution in an instance could do: makes a running instance make one system call.
 *
 *   attack --list
 *   attack NAME PID OTHER-PID OTHER-IFINDEX OTHER-STATE-FILE
 *
 * The call is made by the process itself, with its user, descriptors and filters: ptrace(2) puts it in the place of the
 * poll(2) in which an idle instance sits. It prints "SIGSYS" if the call ended the process, or what it returned.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "registers are those of x86-64"
#endif

static void die(const char *what)
{
    perror(what);
    exit(2);
}

/* The victim. */
static pid_t victim;
static int packet_fd = -1, events_fd = -1, state_fd = -1, unix_fd = -1;
/* Its neighbour. */
static pid_t other;
static int other_index;
static const char *other_file;

/* What the call's pointers point to is put on the victim's stack, far below what it uses. */
static unsigned char data[16384];
static size_t used;
static unsigned long data_at;

static unsigned long put(const void *bytes, size_t len)
{
    used = (used + 15) & ~(size_t)15;
    if (used + len > sizeof data)
        die("too much data");
    memcpy(data + used, bytes, len);
    used += len;
    return data_at + used - len;
}

static unsigned long text(const char *string)
{
    return put(string, strlen(string) + 1);
}

static unsigned long to_other_link(void)
{
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IPV6), .sll_ifindex = other_index, .sll_halen = 6,
    };
    return put(&to, sizeof to);
}

static unsigned long to_systemd(void)
{
    struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "/run/systemd/private" };
    return put(&to, sizeof to);
}

static unsigned long frame(void)
{
    unsigned char bytes[128] = "attack";
    return put(bytes, sizeof bytes);
}

static unsigned long message_to(unsigned long name, size_t len)
{
    struct iovec part = { .iov_base = (void *)frame(), .iov_len = 128 };
    struct msghdr message = {
        .msg_name = (void *)name, .msg_namelen = len, .msg_iov = (void *)put(&part, sizeof part), .msg_iovlen = 1,
    };
    return put(&message, sizeof message);
}

static unsigned long one(void)
{
    int value = 1;
    return put(&value, sizeof value);
}

static unsigned long zeros(size_t len)
{
    static const unsigned char bytes[1024];
    return put(bytes, len);
}

static unsigned long let_all_pass(void)
{
    struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);
    struct sock_fprog program = { .len = 1, .filter = (void *)put(&pass, sizeof pass) };
    return put(&program, sizeof program);
}

static unsigned long fanout(void)
{
    int group = other_index & 0xffff;
    return put(&group, sizeof group);
}

static unsigned long memory_of_other(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", other);
    return text(path);
}

static unsigned long beside_other_file(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s0", other_file);
    return text(path);
}

static unsigned long program(void)
{
    unsigned long arguments[2] = { text("/bin/sh"), 0 };
    return put(arguments, sizeof arguments);
}

static unsigned long window(void)
{
    struct iovec part = { .iov_base = (void *)data_at, .iov_len = 8 };
    return put(&part, sizeof part);
}

#define X32 0x40000000L

struct call {
    const char *name;
    long number;
    unsigned long arguments[6];
};

/* The calls; their data is put on the stack as they are made, so this is made anew for each attack. */
static struct call *calls(size_t *count)
{
    const struct call table[] = {
        /* Other links. */
        { "send-to-another-link", SYS_sendto, { packet_fd, frame(), 128, 0, to_other_link(), sizeof(struct sockaddr_ll) } },
        { "send-message-to-another-link", SYS_sendmsg,
          { packet_fd, message_to(to_other_link(), sizeof(struct sockaddr_ll)), 0 } },
        { "send-messages-to-another-link", SYS_sendmmsg, { packet_fd, zeros(64), 1, 0 } },
        { "bind-to-another-link", SYS_bind, { packet_fd, to_other_link(), sizeof(struct sockaddr_ll) } },
        { "connect-to-another-link", SYS_connect, { packet_fd, to_other_link(), sizeof(struct sockaddr_ll) } },
        { "detach-the-filter", SYS_setsockopt, { packet_fd, SOL_SOCKET, SO_DETACH_FILTER, one(), 4 } },
        { "attach-another-filter", SYS_setsockopt,
          { packet_fd, SOL_SOCKET, SO_ATTACH_FILTER, let_all_pass(), sizeof(struct sock_fprog) } },
        { "take-the-claim-of-another-link", SYS_setsockopt, { packet_fd, SOL_PACKET, PACKET_FANOUT, fanout(), 4 } },
        { "join-a-netlink-group", SYS_setsockopt, { events_fd, 270, 1, one(), 4 } },
        { "send-netlink-to-an-address", SYS_sendto, { events_fd, frame(), 64, 0, zeros(12), 12 } },
        { "read-an-option", SYS_getsockopt, { packet_fd, SOL_SOCKET, SO_PEERCRED, zeros(64), one() } },
        { "configure-a-link", SYS_ioctl, { packet_fd, 0x8914, zeros(40) } },
        { "open-a-packet-socket", SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
        { "open-an-ipv6-socket", SYS_socket, { AF_INET6, SOCK_DGRAM, 0 } },
        { "open-a-unix-socket", SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
        { "open-a-netlink-socket", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
        { "open-a-vsock-socket", SYS_socket, { 40, SOCK_STREAM, 0 } },
        { "open-a-pair-of-sockets", SYS_socketpair, { AF_UNIX, SOCK_STREAM, 0, zeros(8) } },
        { "connect-the-journals-socket-to-systemd", SYS_connect, { unix_fd, to_systemd(), sizeof(struct sockaddr_un) } },
        { "receive-a-descriptor", SYS_recvmsg, { unix_fd, message_to(0, 0), 0 } },
        { "accept-a-connection", SYS_accept4, { unix_fd, 0, 0, 0 } },
        { "listen", SYS_listen, { unix_fd, 1 } },
        /* Other processes. */
        { "open-the-memory-of-another", SYS_openat, { AT_FDCWD, memory_of_other(), O_RDWR, 0 } },
        { "open-by-the-old-call", SYS_open, { memory_of_other(), O_RDWR, 0 } },
        { "open-by-the-new-call", SYS_openat2, { AT_FDCWD, memory_of_other(), zeros(24), 24 } },
        { "write-the-memory-of-another", SYS_process_vm_writev, { other, window(), 1, window(), 1, 0 } },
        { "read-the-memory-of-another", SYS_process_vm_readv, { other, window(), 1, window(), 1, 0 } },
        { "trace-another", SYS_ptrace, { PTRACE_ATTACH, other, 0, 0 } },
        { "restart-another", SYS_kill, { other, SIGHUP } },
        { "kill-all-others", SYS_kill, { -1UL, SIGKILL } },
        { "kill-a-thread-of-another", SYS_tgkill, { other, other, SIGKILL } },
        { "open-another-process", SYS_pidfd_open, { other, 0 } },
        { "take-a-descriptor-of-another", SYS_pidfd_getfd, { 0, 0, 0 } },
        { "signal-by-a-descriptor", SYS_pidfd_send_signal, { 0, SIGKILL, 0, 0 } },
        { "limit-another", SYS_prlimit64, { other, 0, zeros(16), 0 } },
        { "slow-another-down", SYS_setpriority, { 0, other, 19 } },
        { "move-another-to-a-processor", SYS_sched_setaffinity, { other, 8, one() } },
        { "run-in-real-time", SYS_sched_setscheduler, { 0, SCHED_FIFO, one() } },
        /* Files. */
        { "open-the-state-file-of-another", SYS_openat, { AT_FDCWD, text(other_file), O_RDWR, 0 } },
        { "delete-the-state-file-of-another", SYS_unlinkat, { AT_FDCWD, text(other_file), 0 } },
        { "delete-it-by-the-old-call", SYS_unlink, { text(other_file) } },
        { "truncate-the-state-file-of-another", SYS_truncate, { text(other_file), 0 } },
        { "make-a-directory-in-its-place", SYS_mkdirat, { AT_FDCWD, beside_other_file(), 0755 } },
        { "make-a-link-in-its-place", SYS_symlinkat, { text("/etc/passwd"), AT_FDCWD, beside_other_file() } },
        { "rename-over-it", SYS_renameat2, { AT_FDCWD, beside_other_file(), AT_FDCWD, text(other_file), 0 } },
        { "make-a-device-in-its-place", SYS_mknodat, { AT_FDCWD, beside_other_file(), S_IFIFO, 0 } },
        { "fill-run-by-a-far-write", SYS_pwrite64, { state_fd, frame(), 128, 1 << 30 } },
        { "fill-run-by-a-long-write", SYS_pwrite64, { state_fd, data_at, 1 << 20, 0 } },
        { "write-the-state-file-at-its-position", SYS_write, { state_fd, frame(), 128 } },
        { "write-parts-of-the-state-file", SYS_pwritev, { state_fd, window(), 1, 0 } },
        { "truncate-the-own-state-file", SYS_ftruncate, { state_fd, 1 << 30 } },
        { "allocate-space-in-run", SYS_fallocate, { state_fd, 0, 0, 1 << 30 } },
        { "make-the-own-state-file-secret", SYS_fchmod, { state_fd, 0 } },
        { "give-the-lock-up", SYS_fcntl, { state_fd, F_SETFL, 0 } },
        { "lock-a-file", SYS_flock, { state_fd, 2 } },
        { "duplicate-a-descriptor", SYS_dup, { state_fd } },
        { "put-a-socket-in-the-place-of-the-state-file", SYS_dup2, { packet_fd, state_fd } },
        { "and-by-the-new-call", SYS_dup3, { packet_fd, state_fd, 0 } },
        /* Programs and code. */
        { "fork", SYS_fork, { 0 } },
        { "vfork", SYS_vfork, { 0 } },
        { "clone", SYS_clone, { SIGCHLD, 0, 0, 0, 0 } },
        { "clone3", SYS_clone3, { zeros(88), 88 } },
        { "run-a-shell", SYS_execve, { text("/bin/sh"), program(), 0 } },
        { "run-a-shell-by-a-descriptor", SYS_execveat, { AT_FDCWD, text("/bin/sh"), program(), 0, 0 } },
        { "map-code", SYS_mmap, { 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1UL, 0 } },
        { "map-a-file", SYS_mmap, { 0, 4096, PROT_READ, MAP_SHARED, state_fd, 0 } },
        { "turn-data-into-code", SYS_mprotect, { data_at & ~4095UL, 4096, PROT_READ | PROT_EXEC } },
        { "turn-data-into-code-with-a-key", SYS_pkey_mprotect, { data_at & ~4095UL, 4096, PROT_EXEC, -1UL } },
        { "make-a-file-in-memory", SYS_memfd_create, { text("x"), 0 } },
        /* The kernel's more recent surfaces, and privileges. */
        { "io_uring", SYS_io_uring_setup, { 1, zeros(120) } },
        { "userfaultfd", SYS_userfaultfd, { 0 } },
        { "bpf", SYS_bpf, { 0, zeros(72), 72 } },
        { "perf", SYS_perf_event_open, { zeros(112), 0, -1UL, -1UL, 0 } },
        { "keys", SYS_keyctl, { 0, 0, 0, 0, 0 } },
        { "a-new-namespace", SYS_unshare, { CLONE_NEWUSER } },
        { "another-namespace", SYS_setns, { state_fd, 0 } },
        { "become-root", SYS_setuid, { 0 } },
        { "take-capabilities", SYS_capset, { zeros(8), zeros(24) } },
        { "become-traceable", SYS_prctl, { PR_SET_DUMPABLE, 1, 0, 0, 0 } },
        { "another-table", SYS_seccomp, { 0, 0, 0 } },
        { "another-personality", SYS_personality, { 0x0400000 } },
        { "handle-the-signal", SYS_rt_sigaction, { SIGSYS, zeros(32), 0, 8 } },
        { "lock-memory", SYS_mlockall, { 1 } },
        { "a-call-of-the-x32-table", X32 | SYS_read, { 0, 0, 0 } },
        { "a-call-that-does-not-exist", 9999, { 0 } },
    };
    struct call *copy = malloc(sizeof table);
    if (!copy)
        die("malloc");
    memcpy(copy, table, sizeof table);
    *count = sizeof table / sizeof *table;
    return copy;
}

/* Whether a line of this file of /proc/net, with "part" in it if that is given, has the inode as a word. */
static int lists(const char *path, unsigned long inode, const char *part)
{
    char line[512], word[32];
    FILE *file = fopen(path, "r");
    int found = 0;

    if (!file)
        die(path);
    snprintf(word, sizeof word, " %lu", inode);
    while (!found && fgets(line, sizeof line, file)) {
        char *at = strstr(line, word);
        found = at && !strchr("0123456789", at[strlen(word)]) && (!part || strstr(line, part));
    }
    fclose(file);
    return found;
}

/* Which descriptor is what. */
static void look_at_descriptors(void)
{
    char directory[64], path[sizeof directory + 300], target[300];
    struct dirent *entry;
    DIR *all;

    snprintf(directory, sizeof directory, "/proc/%d/fd", victim);
    all = opendir(directory);
    if (!all)
        die("the victim's descriptors");
    while ((entry = readdir(all))) {
        int number = atoi(entry->d_name);
        unsigned long inode;
        ssize_t size;

        if (entry->d_name[0] == '.' || number < 3)
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        size = readlink(path, target, sizeof target - 1);
        if (size < 0)
            continue;
        target[size] = 0;
        if (!strncmp(target, "/run/autora/", 12))
            state_fd = number;
        if (sscanf(target, "socket:[%lu]", &inode) != 1)
            continue;
        /* ETH_P_ALL: the claim has another ethertype. */
        if (lists("/proc/net/packet", inode, " 0003 "))
            packet_fd = number;
        else if (lists("/proc/net/netlink", inode, NULL))
            events_fd = number;
        else if (lists("/proc/net/unix", inode, NULL))
            unix_fd = number;
    }
    if (packet_fd < 0 || events_fd < 0 || state_fd < 0 || unix_fd < 0) {
        fprintf(stderr, "packet socket %d, events %d, state file %d, unix %d\n", packet_fd, events_fd, state_fd, unix_fd);
        exit(2);
    }
}

int main(int count, char **words)
{
    struct user_regs_struct before, regs;
    struct call *table;
    size_t number, i;
    int status;

    if (count == 2 && !strcmp(words[1], "--list")) {
        other_file = "";
        table = calls(&number);
        for (i = 0; i < number; i++)
            puts(table[i].name);
        return 0;
    }
    if (count != 6) {
        fputs("usage: attack --list | NAME PID OTHER-PID OTHER-IFINDEX OTHER-STATE-FILE\n", stderr);
        return 2;
    }
    victim = atoi(words[2]);
    other = atoi(words[3]);
    other_index = atoi(words[4]);
    other_file = words[5];

    look_at_descriptors();
    if (ptrace(PTRACE_SEIZE, victim, 0, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) || ptrace(PTRACE_INTERRUPT, victim, 0, 0))
        die("ptrace");
    if (waitpid(victim, &status, 0) != victim || !WIFSTOPPED(status))
        die("waitpid");
    if (ptrace(PTRACE_GETREGS, victim, 0, &before))
        die("registers");

    data_at = (before.rsp - 65536) & ~15UL;
    table = calls(&number);
    for (i = 0; i < number && strcmp(table[i].name, words[1]); i++)
        ;
    if (i == number) {
        fprintf(stderr, "no attack is called %s\n", words[1]);
        return 2;
    }
    for (size_t at = 0; at < used; at += 8) {
        unsigned long word;
        memcpy(&word, data + at, 8);
        if (ptrace(PTRACE_POKEDATA, victim, data_at + at, word))
            die("data");
    }
    /* It was interrupted in a call, behind the two bytes of the instruction. */
    regs = before;
    regs.rip -= 2;
    regs.orig_rax = -1;
    regs.rax = table[i].number;
    regs.rdi = table[i].arguments[0];
    regs.rsi = table[i].arguments[1];
    regs.rdx = table[i].arguments[2];
    regs.r10 = table[i].arguments[3];
    regs.r8 = table[i].arguments[4];
    regs.r9 = table[i].arguments[5];
    if ((ptrace(PTRACE_PEEKTEXT, victim, regs.rip, 0) & 0xffff) != 0x050f) {
        fputs("the victim was not in a system call\n", stderr);
        return 3;
    }
    if (ptrace(PTRACE_SETREGS, victim, 0, &regs))
        die("registers");
    /* To the entry of the call, then to its end; other stops do not count. */
    for (i = 0; i < 2; i += WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        if (ptrace(PTRACE_SYSCALL, victim, 0, 0) && errno != ESRCH)
            die("continue");
        if (waitpid(victim, &status, 0) != victim)
            die("waitpid");
        if (!WIFSTOPPED(status))
            break;
    }
    if (WIFSTOPPED(status)) {
        ptrace(PTRACE_GETREGS, victim, 0, &regs);
        if (regs.rax == regs.orig_rax) {
            /* Registers as before the call are those of one that the kernel ends the process for. */
            alarm(10);
            ptrace(PTRACE_CONT, victim, 0, 0);
            if (waitpid(victim, &status, 0) != victim)
                die("waitpid");
        }
    }
    if (WIFSIGNALED(status)) {
        puts(WTERMSIG(status) == SIGSYS ? "SIGSYS" : strsignal(WTERMSIG(status)));
        return WTERMSIG(status) != SIGSYS;
    }
    if (WIFSTOPPED(status)) {
        printf("returned %lld\n", (long long)regs.rax);
    } else {
        printf("ended with %d\n", WEXITSTATUS(status));
    }
    return 1;
}
