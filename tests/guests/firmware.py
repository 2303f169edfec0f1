"""Guests that have no system yet: the shell of UEFI (OVMF) and GRUB, in QEMU, which tell their state on a serial console.

They lose most of what is typed, so a script tells it again and again after one key. A character that they lose now and
then must not look like news: only what is told twice counts."""

import ipaddress
import os
import re
import shutil
import socket

from guests.course import Guest, debian_version
from guests.state import State
from lab.links import GUEST_MAC
from scenarios.stage import WORK, NotHere, wait, write

OVMF = "/usr/share/OVMF"
READY, BEGIN, END = "READY", "BEGIN", "END"
SERIAL = f"{WORK}/serial"
VARIABLES = f"{WORK}/firmware/variables.fd"
ADDRESS = r"([0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]*)"


class Firmware(Guest):
    # package: whose version counts. card: more options of the network card.
    # address, router: what stands around them in what the script tells.
    package, card, address, router = "", "", "", ""

    def __init__(self, name, expect):
        super().__init__(name, expect, on_tap=True)
        self.console, self.text, self.told, self.found = None, "", None, State()

    def version(self):
        return debian_version("", self.package)

    def disk(self):
        """A directory whose files the firmware sees on its disk."""

    def prepare(self):
        for needed in (f"{OVMF}/OVMF_CODE_4M.fd", shutil.which("qemu-system-x86_64")):
            if not needed or not os.path.exists(needed):
                raise NotHere(f"{needed or 'QEMU'} is not installed")
        os.makedirs(os.path.dirname(VARIABLES))
        shutil.copy(f"{OVMF}/OVMF_VARS_4M.fd", VARIABLES)
        # Counting instructions keeps the firmware's time-outs from what else the machine does.
        argv = ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max", "-icount", "shift=auto", "-m", "256"]
        argv += ["-nodefaults", "-display", "none", "-no-reboot", "-serial", f"unix:{SERIAL},server=on,wait=off"]
        argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF}/OVMF_CODE_4M.fd"]
        argv += ["-drive", f"if=pflash,format=raw,file={VARIABLES}"]
        # What has a place in the order of boot is all that the firmware looks at: else it tries the network first.
        argv += [
            "-drive",
            f"if=none,id=disk,format=raw,file=fat:rw:{self.disk()}",
            "-device",
            "ide-hd,drive=disk,bootindex=1",
        ]
        argv += ["-netdev", "tap,id=net,ifname=guest,script=no,downscript=no"]
        argv += ["-device", f"virtio-net-pci,netdev=net,mac={GUEST_MAC},romfile={self.card}"]
        self.wire.node.start(*argv, log="qemu", environment={"TMPDIR": WORK})
        wait("QEMU's serial console", lambda: os.path.exists(SERIAL), 10)
        self.console = socket.socket(socket.AF_UNIX)
        self.console.connect(SERIAL)
        self.console.setblocking(False)
        wait(f"{self.name} is ready", lambda: f"{READY}\n" in self.read(), 90)

    def read(self):
        """What has come over the console and was not understood yet, without what only moves the cursor."""
        try:
            while chunk := self.console.recv(65536):
                self.text += chunk.decode(errors="replace")
                with open(f"{WORK}/console", "ab") as log:
                    log.write(chunk)
        except BlockingIOError:
            pass
        return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]|\r", "", self.text)

    def start(self):
        self.console.sendall(b"\r")

    def state(self):
        for told in re.findall(f"{BEGIN}\n(.*?){END}\n", self.read(), re.DOTALL):
            self.text = self.text.rsplit(END, 1)[-1]
            # Neither tells of tentative or deprecated addresses.
            addresses = {(canonical(a), "preferred") for a in re.findall(self.address, told, re.MULTILINE)}
            state = State(frozenset(addresses), frozenset(map(canonical, re.findall(self.router, told))))
            if state == self.told:
                self.found = state
            self.told = state
        return self.found


def canonical(text):
    return str(ipaddress.IPv6Address(text))


class Uefi(Firmware):
    package = "ovmf"
    address, router = rf"^{ADDRESS}/\d+$", rf"::/0 >> {ADDRESS}"

    def disk(self):
        lines = ["@echo -off", "connect -r", f"echo {READY}", "pause", "ifconfig6 -s eth0 auto"]
        lines += [":again", f"echo {BEGIN}", "ifconfig6 -l eth0", f"echo {END}", "stall 500000", "goto again", ""]
        return os.path.dirname(write("disk/startup.nsh", "\r\n".join(lines)))


class Grub(Firmware):
    package, card = "grub-efi-amd64-bin", ",bootindex=2"
    address, router = rf"slaac\S* \S+ {ADDRESS}", rf"gw {ADDRESS}"

    def disk(self):
        # The network gets its turns while GRUB looks for a key, as it does in an interruptible sleep.
        script = (
            "serial --unit=0\nterminal_input serial\nterminal_output serial\ninsmod efinet\n"
            f"echo {READY}\nread key\nnet_ipv6_autoconf\n"
            f"while true; do echo {BEGIN}; net_ls_addr; net_ls_routes; echo {END}; sleep --interruptible 1; done\n"
        )
        image = f"{WORK}/disk/EFI/BOOT/BOOTX64.EFI"
        os.makedirs(os.path.dirname(image))
        made = ["grub-mkstandalone", "-O", "x86_64-efi", "-o", image, "--locales=", "--fonts=", "--themes="]
        made += ["--install-modules=efinet net serial terminal echo read sleep true normal"]
        self.wire.node.run(*made, f"boot/grub/grub.cfg={write('grub.cfg', script)}")
        return f"{WORK}/disk"
