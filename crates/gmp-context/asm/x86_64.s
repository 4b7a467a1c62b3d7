# rustc 1.95.0 (59807616e 2026-04-14)
# `cargo xtask asm --bless` writes this file.

gmp_context_start:
    popq %rax
    xorl %ebp, %ebp
    leaq .1(%rip), %r9
    pushq %r9
    jmpq *%rax
.1:
    ud2

gmp_context_call_on:
    pushq %rbp
    movq %rsp, %rbp
    movq %rdx, %rsp
    __morestack:
    callq *%rsi
    movq %rbp, %rsp
    popq %rbp
    retq

gmp_asm_switch:
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %rbx
    movq %rdi, %r8
    leaq .1(%rip), %rax
    leaq -24(%rsp), %rdi
    movq %rbp, -8(%rsp)
    movq %rbx, -16(%rsp)
    movq %rax, -24(%rsp)
    leaq 8(%r8), %rsp
    jmpq *(%r8)
.1:
    movq (%rsp), %rbx
    movq 8(%rsp), %rbp
    leaq 16(%rsp), %rsp
    movq %rsi, %rax
    movq %rcx, %rbx
    movq %rdx, %rsi
    callq *%rax
    movq %rbx, %rax
    popq %rbx
    popq %r12
    popq %r13
    popq %r14
    popq %r15
    retq

gmp_asm_resume:
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %rbx
    subq $16, %rsp
    movq 8(%rdi), %r8
    movq $0, 8(%rdi)
    testq %r8, %r8
    je .4
    movq %rdi, %rbx
    movq %rsi, 8(%rsp)
    movq 16(%rdi), %rdx
    leaq _ZN11gmp_context7context9no_commitE(%rip), %rsi
    leaq 8(%rsp), %rcx
    leaq .1(%rip), %rax
    leaq -24(%rsp), %rdi
    movq %rbp, -8(%rsp)
    movq %rbx, -16(%rsp)
    movq %rax, -24(%rsp)
    leaq 8(%r8), %rsp
    jmpq *(%r8)
.1:
    movq (%rsp), %rbx
    movq 8(%rsp), %rbp
    leaq 16(%rsp), %rsp
    testq %rdx, %rdx
    je .2
    movq (%rcx), %rdi
    testq %rdi, %rdi
    jne .5
    xorl %eax, %eax
    jmp .3
.2:
    movq %rdi, 8(%rbx)
    movq (%rcx), %rax
.3:
    addq $16, %rsp
    popq %rbx
    popq %r12
    popq %r13
    popq %r14
    popq %r15
    retq
.4:
    callq *_ZN11gmp_context9coroutine17resumed_after_endE@GOTPCREL(%rip)
.5:
    movq 8(%rcx), %rsi
    callq *_RNvNt_3std5panic13resume_unwind@GOTPCREL(%rip)

gmp_asm_suspend:
    pushq %r15
    pushq %r14
    pushq %r13
    pushq %r12
    pushq %rbx
    subq $16, %rsp
    movq %rdi, %rbx
    movq %rsi, 8(%rsp)
    movq (%rdi), %r8
    leaq _ZN11gmp_context7context9no_commitE(%rip), %rsi
    leaq 8(%rsp), %rcx
    xorl %edx, %edx
    leaq .1(%rip), %rax
    leaq -24(%rsp), %rdi
    movq %rbp, -8(%rsp)
    movq %rbx, -16(%rsp)
    movq %rax, -24(%rsp)
    leaq 8(%r8), %rsp
    jmpq *(%r8)
.1:
    movq (%rsp), %rbx
    movq 8(%rsp), %rbp
    leaq 16(%rsp), %rsp
    movq %rdi, (%rbx)
    testq %rcx, %rcx
    je .2
    movq (%rcx), %rax
    addq $16, %rsp
    popq %rbx
    popq %r12
    popq %r13
    popq %r14
    popq %r15
    retq
.2:
    callq *_ZN11gmp_context9coroutine10unwind_nowE@GOTPCREL(%rip)
