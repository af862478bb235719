/*
 * What both sides must agree on to follow a command's packets (bpf/command.bpf.h). Plain C.
 */
#pragma once

/* Processes of one command that live at the same time. */
#define COMMAND_PROCESSES_MAX 8192
