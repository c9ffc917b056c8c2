/* Stands between a process and its disk, by LD_PRELOAD. Built by the tests in this folder; it is no part
 * of what is shipped. Everything is about one directory, LOSS_DATA, an absolute path:
 *
 * LOSS_FULL=FILE   while FILE is there, the disk is full: what would take room fails with ENOSPC, every other
 *                  write after half of it was taken.
 * LOSS_SHADOW=DIR  DIR holds what a power failure would leave, and no more than POSIX promises:
 *                    DIR/content/INODE  a file, as it was when it was last synced,
 *                    DIR/names/INODE    a directory, as it was when it was last synced: "inode kind name" lines.
 *                  A new name is there once its directory was synced, so is a rename and an unlink; a
 *                  name whose file was never synced is an empty file. (ext4 would keep more.)
 * LOSS_LOG=FILE    one line per event: "wrote MARK" for each mark "traced-" and 4 digits that goes to the
 *                  write-ahead log, "synced" when that log is, "answered" before an HTTP answer 2xx goes out.
 * LOSS_AHEAD=N     the wall clock is N seconds ahead.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define MARK "traced-"
#define MARK_LENGTH (sizeof(MARK) - 1 + 4)
#define REAL(name) ((__typeof__(&name))real(&name##_real, #name))

static const char *data, *full, *shadow;
static size_t data_length;
static int events = -1;
static time_t ahead;
/* Writes wait for a sync that is under way, so that what is kept is what was synced. */
static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

static void *real(void **known, const char *name) {
  if (!*known) *known = dlsym(RTLD_NEXT, name);
  return *known;
}

static void *write_real, *pwrite_real, *pwrite64_real, *writev_real, *send_real, *sendmsg_real, *fsync_real,
    *fdatasync_real, *ftruncate_real, *ftruncate64_real, *fallocate_real, *fallocate64_real, *unlink_real,
    *rename_real, *clock_gettime_real;

__attribute__((constructor)) static void begin(void) {
  data = getenv("LOSS_DATA");
  full = getenv("LOSS_FULL");
  shadow = getenv("LOSS_SHADOW");
  data_length = data ? strlen(data) : 0;
  const char *log = getenv("LOSS_LOG"), *by = getenv("LOSS_AHEAD");
  if (log) events = open(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (by) ahead = atol(by);
}

static int inside(const char *path) {
  return data && !strncmp(path, data, data_length) && (path[data_length] == '/' || !path[data_length]);
}

/* Whether a descriptor is of the directory; then also its path. */
static int ours(int fd, char *path) {
  char link[64];
  int before = errno;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  errno = before;
  if (length < 0) return 0;
  path[length] = 0;
  return inside(path);
}

static int is_log(const char *path) {
  size_t length = strlen(path);
  return length > 4 && !strcmp(path + length - 4, "-wal");
}

static void say(const char *word, const char *what, size_t length) {
  char line[128];
  int size = snprintf(line, sizeof line, "%s%s%.*s\n", word, length ? " " : "", (int)length, what);
  syscall(SYS_write, events, line, size);
}

static void say_marks(const char *path, const void *bytes, size_t length) {
  if (events < 0 || !is_log(path)) return;
  const char *at = bytes, *end = at + length;
  while ((at = memmem(at, end - at, MARK, sizeof(MARK) - 1)) && at + MARK_LENGTH <= end) {
    int digits = 0;
    for (const char *digit = at + sizeof(MARK) - 1; digit < at + MARK_LENGTH; digit++)
      digits += *digit >= '0' && *digit <= '9';
    /* A page may end within a mark; another one has it whole. */
    if (digits == 4) say("wrote", at, MARK_LENGTH);
    at += sizeof(MARK) - 1;
  }
}

static void say_answer(const void *bytes, size_t length) {
  static const char status[] = "HTTP/1.1 2";
  if (events < 0 || length < sizeof status || memcmp(bytes, status, sizeof status - 1)) return;
  pthread_mutex_lock(&one);
  say("answered", "", 0);
  pthread_mutex_unlock(&one);
}

static int is_full(void) {
  int before = errno, there = full && !syscall(SYS_faccessat, AT_FDCWD, full, F_OK);
  errno = before;
  return there;
}

static int no_room(void) {
  errno = ENOSPC;
  return -1;
}

/* How much of a write the disk takes; the mutex is held. */
static size_t room(size_t wanted) {
  static unsigned turn;
  if (!is_full()) return wanted;
  return turn++ % 2 ? 0 : wanted / 2;
}

#define WRITES(fd, bytes, length, how)                                  \
  char path[PATH_MAX];                                                  \
  if (!ours(fd, path)) return how(length);                              \
  pthread_mutex_lock(&one);                                             \
  size_t taken = room(length);                                          \
  ssize_t done = taken || !length ? (ssize_t)how(taken) : no_room();    \
  if (done > 0) say_marks(path, bytes, done);                           \
  pthread_mutex_unlock(&one);                                           \
  return done

ssize_t write(int fd, const void *bytes, size_t length) {
#define HOW(n) REAL(write)(fd, bytes, n)
  say_answer(bytes, length);
  WRITES(fd, bytes, length, HOW);
#undef HOW
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
#define HOW(n) REAL(pwrite)(fd, bytes, n, at)
  WRITES(fd, bytes, length, HOW);
#undef HOW
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
#define HOW(n) REAL(pwrite64)(fd, bytes, n, at)
  WRITES(fd, bytes, length, HOW);
#undef HOW
}

/* Of files only the first part is written, which a caller has to be prepared for. */
ssize_t writev(int fd, const struct iovec *parts, int count) {
  char path[PATH_MAX];
  if (count > 0) say_answer(parts[0].iov_base, parts[0].iov_len);
  if (count < 1 || !ours(fd, path)) return REAL(writev)(fd, parts, count);
  return write(fd, parts[0].iov_base, parts[0].iov_len);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
  say_answer(bytes, length);
  return REAL(send)(fd, bytes, length, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  if (message->msg_iovlen > 0) say_answer(message->msg_iov[0].iov_base, message->msg_iov[0].iov_len);
  return REAL(sendmsg)(fd, message, flags);
}

/* Room for more is taken, unless the disk is full. */
#define GROWS(fd, size, call)                                          \
  char path[PATH_MAX];                                                 \
  if (!ours(fd, path)) return call;                                    \
  struct stat now;                                                     \
  pthread_mutex_lock(&one);                                            \
  int grows = !fstat(fd, &now) && (size) > now.st_size;                \
  int done = grows && is_full() ? no_room() : call;                    \
  pthread_mutex_unlock(&one);                                          \
  return done

int ftruncate(int fd, off_t size) { GROWS(fd, size, REAL(ftruncate)(fd, size)); }

int ftruncate64(int fd, off64_t size) { GROWS(fd, size, REAL(ftruncate64)(fd, size)); }

int fallocate(int fd, int mode, off_t at, off_t size) {
  GROWS(fd, at + size, REAL(fallocate)(fd, mode, at, size));
}

int fallocate64(int fd, int mode, off64_t at, off64_t size) {
  GROWS(fd, at + size, REAL(fallocate64)(fd, mode, at, size));
}

int posix_fallocate(int fd, off_t at, off_t size) { return fallocate(fd, 0, at, size) ? errno : 0; }

int posix_fallocate64(int fd, off64_t at, off64_t size) { return fallocate64(fd, 0, at, size) ? errno : 0; }

/* In this the shadow may not be wrong silently. */
static void must(int well, const char *what) {
  if (well) return;
  perror(what);
  abort();
}

static void put(int to, const char *bytes, ssize_t length) {
  while (length > 0) {
    ssize_t done = syscall(SYS_write, to, bytes, length);
    must(done > 0, "shadow: write");
    bytes += done;
    length -= done;
  }
}

static void keep_content(int to, const char *path) {
  static char bytes[1 << 20];
  int from = open(path, O_RDONLY | O_CLOEXEC);
  must(from >= 0, path);
  ssize_t length;
  while ((length = read(from, bytes, sizeof bytes)) > 0) put(to, bytes, length);
  must(length == 0, path);
  close(from);
}

static void keep_names(int to, const char *path) {
  DIR *directory = opendir(path);
  must(directory != NULL, path);
  struct dirent *entry;
  while ((entry = readdir(directory))) {
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    struct stat of;
    if (fstatat(dirfd(directory), entry->d_name, &of, AT_SYMLINK_NOFOLLOW)) continue;
    char line[NAME_MAX + 64];
    const char *kind = S_ISDIR(of.st_mode) ? "directory" : "file";
    put(to, line, snprintf(line, sizeof line, "%ju %s %s\n", (uintmax_t)of.st_ino, kind, entry->d_name));
  }
  closedir(directory);
}

/* Written beside and renamed: a kill leaves the state before this sync or the one after it. */
static void keep(int fd, const char *path) {
  struct stat of;
  char beside[PATH_MAX], kept[PATH_MAX];
  if (fstat(fd, &of) || !of.st_nlink) return;
  int names = S_ISDIR(of.st_mode);
  snprintf(beside, sizeof beside, "%s/beside", shadow);
  snprintf(kept, sizeof kept, "%s/%s/%ju", shadow, names ? "names" : "content", (uintmax_t)of.st_ino);
  int to = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(to >= 0, beside);
  if (names)
    keep_names(to, path);
  else
    keep_content(to, path);
  close(to);
  must(!REAL(rename)(beside, kept), kept);
}

static int synced(int fd, int (*sync)(int)) {
  char path[PATH_MAX];
  if (!ours(fd, path)) return sync(fd);
  pthread_mutex_lock(&one);
  int done = sync(fd);
  if (!done && shadow) keep(fd, path);
  if (!done && events >= 0 && is_log(path)) say("synced", "", 0);
  pthread_mutex_unlock(&one);
  return done;
}

int fsync(int fd) { return synced(fd, REAL(fsync)); }

int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

/* Keeps an inode whose name goes: its number must not come again for another file. */
static void bury(const char *path) {
  struct stat of;
  char grave[PATH_MAX];
  int before = errno;
  if (shadow && inside(path) && !lstat(path, &of)) {
    snprintf(grave, sizeof grave, "%s/graves/%ju", shadow, (uintmax_t)of.st_ino);
    link(path, grave);
  }
  errno = before;
}

int unlink(const char *path) {
  bury(path);
  return REAL(unlink)(path);
}

int rename(const char *from, const char *to) {
  bury(to);
  return REAL(rename)(from, to);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  int done = REAL(clock_gettime)(clock, now);
  if (!done && clock == CLOCK_REALTIME) now->tv_sec += ahead;
  return done;
}
