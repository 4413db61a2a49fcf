// SPDX-License-Identifier: MIT
// Rows of the table: processes: how many, how they run, how long they may take.
#include "settings/table_rows.hpp"

namespace uringcorn::settings {

namespace {

constexpr std::int64_t k_most_workers = 1024;
constexpr std::int64_t k_most_restarts = 1000;
constexpr std::int64_t k_most_threads = 1024;

using S = Settings;

const std::vector<Setting> k_rows = {
    {.key = "workers",
     .flags = {"--workers", "-w"},
     .group = Group::workers,
     .target = WorkerCount{&S::workers},
     .value_name = "INT|auto",
     .help = "Worker processes; auto starts one for each processor that this process may use.",
     .details = "`auto` counts the processors of the affinity mask and heeds the processor quota "
                "of the cgroup (v1 and v2, the tightest on the way to the root, rounded up), not "
                "the size of the machine.",
     .minimum = 1,
     .maximum = k_most_workers,
     .environment = "WEB_CONCURRENCY"},
    {.key = "worker_class",
     .flags = {"--worker-class", "-k"},
     .group = Group::workers,
     .target = Text{&S::worker_class},
     .value_name = "NAME",
     .help = "How workers run requests: async, threads, sync, or PATH.so for a class of your own.",
     .details = "`async` runs handlers on the reactor and what blocks on threads beside it; "
                "`threads` runs every handler on a thread; `sync` takes one request at a time and "
                "closes the connection after it. gunicorn's words are understood: `gevent` and "
                "`eventlet` mean `async`, `gthread` means `threads`. See [workers](workers.md).",
     .may_be_empty = false},
    {.key = "threads",
     .flags = {"--threads"},
     .group = Group::workers,
     .target = Number{&S::threads},
     .value_name = "INT",
     .help = "Threads of each worker for handlers that block; they are started when needed.",
     .details = "In the class `async` they run `blocking` handlers and `offload`, in `threads` "
                "every handler. The class `sync` has one thread, whatever is said here.",
     .minimum = 1,
     .maximum = k_most_threads},
    {.key = "thread_queue",
     .flags = {"--thread-queue"},
     .group = Group::workers,
     .target = Count{&S::thread_queue},
     .value_name = "INT",
     .help = "Requests that may wait for a thread of one worker; those beyond get 503."},
    {.key = "reactor",
     .flags = {"--reactor"},
     .group = Group::workers,
     .target = Reactor{&S::reactor},
     .value_name = "NAME",
     .help = "The kernel interface of the workers: auto, io_uring or epoll.",
     .details = "`auto` takes io_uring where the kernel allows it, and otherwise epoll with one "
                "warning that names the cause. `io_uring` refuses to start instead."},
    {.key = "worker_connections",
     .flags = {"--worker-connections"},
     .group = Group::workers,
     .target = Count{&S::worker_connections},
     .value_name = "INT",
     .help = "Connections that one worker holds at a time; 0: as many as its limit of file "
             "descriptors allows."},
    {.key = "worker_tmp_dir",
     .flags = {"--worker-tmp-dir"},
     .group = Group::workers,
     .target = Text{&S::worker_tmp_dir},
     .value_name = "DIR",
     .help = "Where the workers' heartbeat files are; best in memory.",
     .may_be_empty = false},
    {.key = "preload",
     .flags = {"--preload"},
     .group = Group::workers,
     .target = Switch{&S::preload},
     .value_name = {},
     .help = "Load the application once, and fork the workers from there.",
     .details = "It is loaded by a process of its own, the template, and workers share what they "
                "do not change of its memory. A reload loads the application anew, by another "
                "template. Startup hooks still run in each worker. An application must not start "
                "threads or open connections while it is loaded: they would not be there, or be "
                "shared, in the workers."},
    {.key = "timeout",
     .flags = {"--timeout", "-t"},
     .group = Group::workers,
     .target = Duration{&S::timeout},
     .value_name = "DURATION",
     .help = "A worker that gives no sign of life for so long is aborted and replaced; 0: never.",
     .details = "It measures the worker, not a request: a handler that waits in `co_await` is "
                "alive however long it takes, one that blocks the reactor is not. In the class "
                "`threads` the sign is also missing while all threads are stuck for so long, in "
                "`sync` while one request takes longer.",
     .maximum = k_day_ms},
    {.key = "boot_timeout",
     .flags = {"--boot-timeout"},
     .group = Group::workers,
     .target = Duration{&S::boot_timeout},
     .value_name = "DURATION",
     .help = "A worker that is not ready so long after its start is killed; 0: never.",
     .maximum = k_day_ms},
    {.key = "graceful_timeout",
     .flags = {"--graceful-timeout"},
     .group = Group::workers,
     .target = Duration{&S::graceful_timeout},
     .value_name = "DURATION",
     .help = "How long requests in flight may take to finish when a worker is told to stop.",
     .maximum = k_day_ms},
    {.key = "shutdown_delay",
     .flags = {"--shutdown-delay"},
     .group = Group::workers,
     .target = Duration{&S::shutdown_delay},
     .value_name = "DURATION",
     .help = "How long the server goes on serving after TERM, while its readiness fails already.",
     .details = "Time for load balancers to look elsewhere. `uringcorn::shutting_down()` tells an "
                "application; the `/health` of the welcome page answers 503 then.",
     .maximum = k_day_ms},
    {.key = "reload_batch",
     .flags = {"--reload-batch"},
     .group = Group::workers,
     .target = Number{&S::reload_batch},
     .value_name = "INT",
     .help = "Workers that a reload replaces at a time.",
     .details = "So many workers are there in excess at most, those included that finish their "
                "last requests; more of them make a reload quicker, and need more memory.",
     .minimum = 1,
     .maximum = k_most_workers},
    {.key = "max_requests",
     .flags = {"--max-requests"},
     .group = Group::workers,
     .target = Count{&S::max_requests},
     .value_name = "INT",
     .help = "A worker that has answered so many requests is replaced; 0: never.",
     .details = "It goes on serving until its successor is ready. One worker is replaced at a "
                "time, so a busy server may answer more by then."},
    {.key = "max_requests_jitter",
     .flags = {"--max-requests-jitter"},
     .group = Group::workers,
     .target = Count{&S::max_requests_jitter},
     .value_name = "INT",
     .help = "Up to so many requests more, by chance, so that workers are not all due at once."},
    {.key = "max_worker_memory",
     .flags = {"--max-worker-memory"},
     .group = Group::workers,
     .target = Size{&S::max_worker_memory},
     .value_name = "SIZE",
     .help = "A worker that has more memory of its own is replaced; 0: never.",
     .details = "Counted is what no other process shares. It is looked at once a second, and the "
                "worker goes on serving until its successor is ready."},
    {.key = "max_restarts",
     .flags = {"--max-restarts"},
     .group = Group::workers,
     .target = Count{&S::max_restarts},
     .value_name = "INT",
     .help = "How often a worker that dies is restarted within the restart window; 0: always.",
     .details = "A place whose restarts are spent stays empty until the window allows one more. "
                "When that is so for all, and nothing serves, the server leaves with a code other "
                "than 0. A reload gives all restarts back.",
     .maximum = k_most_restarts},
    {.key = "restart_window",
     .flags = {"--restart-window"},
     .group = Group::workers,
     .target = Duration{&S::restart_window},
     .value_name = "DURATION",
     .help = "The time that --max-restarts counts in.",
     .minimum = 1,
     .maximum = k_day_ms},
};

}  // namespace

std::span<const Setting> workers_rows() {
  return k_rows;
}

}  // namespace uringcorn::settings
