/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* The command's processes, and the system calls by which they come by sockets. */
#pragma once

#include <asm/unistd.h>

#include "bpf/command_port.bpf.h"
#include "bpf/unbroken.bpf.h"

static __always_inline void add_process(__u32 process)
{
	__u8 yes = 1;

	if (bpf_map_update_elem(&command_processes, &process, &yes, BPF_ANY))
		count_loss(LOSS_processes_full);
}

static __always_inline bool is_command_process(__u32 process)
{
	return bpf_map_lookup_elem(&command_processes, &process);
}

SEC("hook/sched_process_fork") int UNBROKEN(on_sched_process_fork, __u64 *ctx)
{
	struct task_struct *parent = (struct task_struct *)ctx[0];
	struct task_struct *child = (struct task_struct *)ctx[1];

	/* Otherwise it is a thread. */
	if (child->tgid != parent->tgid && is_command_process(parent->tgid))
		add_process(child->tgid);
	return 0;
}

SEC("hook/sched_process_exit") int UNBROKEN(on_sched_process_exit, __u64 *ctx)
{
	struct task_struct *task = (struct task_struct *)ctx[0];
	__u32 process = task->tgid;

	/* The last thread's end is the process's. */
	if (is_command_process(process) && !BPF_CORE_READ(task, signal, live.counter))
		bpf_map_delete_elem(&command_processes, &process);
	return 0;
}

static __always_inline struct file *current_file(__u32 fd)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd);
	struct file *file = NULL;

	if (fd < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	return file;
}

static __always_inline void learn_socket(__u32 fd)
{
	struct file *file = current_file(fd);
	struct scratches *all = find_scratches();
	struct socket *socket;
	__u64 inode;
	__u8 yes = 1;

	if (!file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return;
	inode = BPF_CORE_READ(file, f_inode, i_ino);
	bpf_map_update_elem(&command_sockets, &inode, &yes, BPF_ANY);
	socket = BPF_CORE_READ(file, private_data);
	if (!all || !take_scratch(all))
		return;
	learn_port((__u64)BPF_CORE_READ(socket, sk));
	done_looking();
}

/*
 * The system calls that make a socket, or give it a port. A process becomes the command's by one
 * that no other makes: bind(-1, token, 0), which fails. So it needs no id, of which it has several.
 */
SEC("hook/sys_exit") int UNBROKEN(on_sys_exit, __u64 *ctx)
{
	struct pt_regs *regs = (struct pt_regs *)ctx[0];
	__s64 result = ctx[1];
	__u64 call = regs->orig_ax;
	__u32 process;

	if (call != __NR_socket && call != __NR_bind && call != __NR_listen &&
	    call != __NR_accept && call != __NR_accept4)
		return 0;
	process = bpf_get_current_pid_tgid() >> 32;
	if (result < 0) {
		if (call == __NR_bind && result == -EBADF && regs->si == config.command_token)
			add_process(process);
		return 0;
	}
	if (is_command_process(process))
		learn_socket(call == __NR_bind || call == __NR_listen ? regs->di : (__u64)result);
	return 0;
}
