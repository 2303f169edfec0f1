"""The virtual machine."""

import subprocess

from lab.process import die_with_parent


# Debian's name of the architecture: QEMU, and its first serial line.
ARCHITECTURES = {
    "amd64": (["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", "max"], "ttyS0"),
    "arm64": (["qemu-system-aarch64", "-machine", "virt,accel=tcg", "-cpu", "cortex-a57"], "ttyAMA0"),
}


class Machine:
    """A guest of the tap `tap`, switched on; `watch` follows its console."""

    def __init__(self, namespace, image, tap, mac, watch, *words, architecture="amd64"):
        command, console = ARCHITECTURES[architecture]
        command = [*command, "-m", "256", "-nodefaults"]
        command += ["-display", "none", "-no-reboot", "-serial", "stdio"]
        command += ["-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initramfs"]
        command += ["-append", " ".join((f"console={console} quiet panic=-1", *words))]
        command += ["-netdev", f"tap,id=net,ifname={tap},script=no,downscript=no"]
        command += ["-device", f"virtio-net-pci,netdev=net,mac={mac},romfile="]
        with namespace:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=die_with_parent
            )
        watch.attach(self.process.stdout)

    def tell(self, *words):
        """A line on its console."""
        self.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.process.stdin.flush()

    def power_off(self):
        self.process.kill()
        self.process.wait()
