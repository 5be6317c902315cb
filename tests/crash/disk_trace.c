/* Preloaded into a writer: records what it asks of the disk, in order,
 * and lets the n-th call fail with EIO.
 * DISK_TRACE: file of the record. DISK_FOLDER: only files under it. DISK_FAIL: number of the call
 * that fails, from 1. One line of text per call, "kind offset size path path2", and after a W the
 * bytes written. F: the call that failed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int trace_fd = -1;
static long calls, call_failing;
static const char *folder = "/nowhere";

__attribute__((constructor)) static void trace_begin(void) {
    const char *path = getenv("DISK_TRACE"), *failing = getenv("DISK_FAIL");
    if (getenv("DISK_FOLDER")) folder = getenv("DISK_FOLDER");
    if (failing) call_failing = atol(failing);
    if (path) trace_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static int path_of(int fd, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = readlink(link, path, size - 1);
    if (count < 0) return 0;
    path[count] = 0;
    return !strncmp(path, folder, strlen(folder));
}

static void note(char kind, long long offset, long long size, const char *path, const char *path2,
                 const void *data) {
    char line[8192];
    int count = snprintf(line, sizeof line, "%c %lld %lld %s %s\n", kind, offset, size, path,
                         path2);
    if (trace_fd < 0) return;
    if (write(trace_fd, line, (size_t)count) != count) abort();
    if (data && write(trace_fd, data, (size_t)size) != size) abort();
}

/* The file "ack" is the test's own: it never fails. */
static int fails(const char *path) {
    size_t size = strlen(path);
    if (size > 4 && !strcmp(path + size - 4, "/ack")) return 0;
    if (++calls != call_failing) return 0;
    note('F', 0, 0, path, "-", NULL);
    errno = EIO;
    return 1;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    char path[4096];
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
    if (!path_of(fd, path, sizeof path)) return real(fd, data, size, offset);
    if (fails(path)) return -1;
    note('W', offset, (long long)size, path, "-", data);
    return real(fd, data, size, offset);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
    return pwrite64(fd, data, size, offset);
}

static int sync_file(int fd, const char *name) {
    char path[4096];
    int (*real)(int);
    *(void **)&real = dlsym(RTLD_NEXT, name);
    if (!path_of(fd, path, sizeof path)) return real(fd);
    if (fails(path)) return -1;
    note('S', 0, 0, path, "-", NULL);
    return real(fd);
}

int fdatasync(int fd) { return sync_file(fd, "fdatasync"); }
int fsync(int fd) { return sync_file(fd, "fsync"); }

int posix_fallocate64(int fd, off64_t offset, off64_t size) {
    static int (*real)(int, off64_t, off64_t);
    char path[4096];
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "posix_fallocate64");
    if (!path_of(fd, path, sizeof path)) return real(fd, offset, size);
    if (fails(path)) return EIO;
    note('A', offset, size, path, "-", NULL);
    return real(fd, offset, size);
}

int posix_fallocate(int fd, off_t offset, off_t size) {
    return posix_fallocate64(fd, offset, size);
}

int renameat(int from_fd, const char *source, int to_fd, const char *target) {
    static int (*real)(int, const char *, int, const char *);
    char path[4096];
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "renameat");
    if (!path_of(from_fd, path, sizeof path)) return real(from_fd, source, to_fd, target);
    if (fails(path)) return -1;
    note('R', 0, 0, source, target, NULL);
    return real(from_fd, source, to_fd, target);
}
