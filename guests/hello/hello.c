/* The smallest guest: one line, then power-off with the code of the boot argument `exit` (default 0). */
#include "device_tree.h"
#include "print.h"

int main(void) {
  print("Hello from a machine that survives\n");
  return (int)boot_argument("exit", 0);
}
