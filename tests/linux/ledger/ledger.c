// A program for Linux in which something goes wrong, for a debugger: of four accounts one loses money.
//
//     ledger SHARE    posts entries, and one day's interest; prints the total; the share tells two of it apart
//
// No C library: the kernel's calls are made here.

#define ACCOUNTS 4
#define DAYS 6
#define PAGE_BYTES 4096

struct account {
  long balance;
  double interest;
};

long share;
struct account accounts[ACCOUNTS];
double rate;
/// Filled by a disk's controller, behind the processor's back.
char page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

enum { OPENAT = 56, CLOSE = 57, READ = 63, WRITE = 64, EXIT = 93 };
enum { AT_FDCWD = -100, O_DIRECT = 040000 };

static long kernel(long number, long a, long b, long c) {
  register long a0 __asm__("a0") = a;
  register long a1 __asm__("a1") = b;
  register long a2 __asm__("a2") = c;
  register long a3 __asm__("a3") = 0;
  register long a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a7) : "memory");
  return a0;
}

static void print(const char *text) {
  long length = 0;
  while (text[length]) length++;
  kernel(WRITE, 1, (long)text, length);
}

static void print_number(long number) {
  char digits[24];
  int at = sizeof digits - 1;
  digits[at] = 0;
  unsigned long rest = number < 0 ? -(unsigned long)number : (unsigned long)number;
  do digits[--at] = '0' + rest % 10;
  while (rest /= 10);
  if (number < 0) digits[--at] = '-';
  print(digits + at);
}

__attribute__((noinline)) void post(struct account *account, long amount) {
  account->balance += amount;
}

/// Adds a day's interest to every account. One of its amounts is wrong.
__attribute__((noinline)) void add_interest(int day) {
  for (int number = 0; number < ACCOUNTS; number++) {
    struct account *account = &accounts[number];
    account->interest = account->balance * rate;
    long amount = (long)account->interest;
    if (day == 3 && number == 2) amount = -share;
    post(account, amount);
  }
}

__attribute__((noinline)) long total(void) {
  long sum = 0;
  for (int number = 0; number < ACCOUNTS; number++) sum += accounts[number].balance;
  return sum;
}

/// Reads a page of a file from the disk itself.
__attribute__((noinline)) void read_page(const char *path) {
  long file = kernel(OPENAT, AT_FDCWD, (long)path, O_DIRECT);
  if (file < 0) return;
  page[0] = '!';
  long length = kernel(READ, file, (long)page, PAGE_BYTES);
  kernel(CLOSE, file, 0, 0);
  page[length > 0 && length < PAGE_BYTES ? length : 8] = 0;
}

__attribute__((noinline)) void closing(long sum) {
  print("ledger: share ");
  print_number(share);
  print(", total ");
  print_number(sum);
  print(page[0] ? ", page " : "");
  print(page);
  print("\n");
}

int program(int count, char **words) {
  share = count > 1 ? words[1][0] - '0' : 0;
  rate = 1.0 / 64;
  for (int number = 0; number < ACCOUNTS; number++) post(&accounts[number], 1000 * (number + 1));
  for (int day = 0; day < DAYS; day++) add_interest(day);
  read_page("/disk/page");
  closing(total());
  return 0;
}

__attribute__((naked, noreturn)) void _start(void) {
  // argc and argv are on the stack.
  __asm__("ld a0, 0(sp)\n"
          "addi a1, sp, 8\n"
          "andi sp, sp, -16\n"
          "call program\n"
          "li a7, 93\n"
          "ecall");
}
