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
    pushq %rbp
    pushq %rbx
    leaq .1(%rip), %rax
    pushq %rax
    movq %rsp, %rdi
    movq %r8, %rsp
    popq %rax
    jmpq *%rax
.1:
    popq %rbx
    popq %rbp
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
    leaq _ZN11gmp_context7context9no_commit17hfb6baebfa0b3a330E(%rip), %rsi
    leaq 8(%rsp), %rcx
    pushq %rbp
    pushq %rbx
    leaq .1(%rip), %rax
    pushq %rax
    movq %rsp, %rdi
    movq %r8, %rsp
    popq %rax
    jmpq *%rax
.1:
    popq %rbx
    popq %rbp
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
    callq *_ZN11gmp_context9coroutine17resumed_after_end17h06d29faa64899dd8E@GOTPCREL(%rip)
.5:
    movq 8(%rcx), %rsi
    callq *_RNvNtCsjrHSEGnQ3l9_3std5panic13resume_unwind@GOTPCREL(%rip)

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
    leaq _ZN11gmp_context7context9no_commit17hfb6baebfa0b3a330E(%rip), %rsi
    leaq 8(%rsp), %rcx
    xorl %edx, %edx
    pushq %rbp
    pushq %rbx
    leaq .1(%rip), %rax
    pushq %rax
    movq %rsp, %rdi
    movq %r8, %rsp
    popq %rax
    jmpq *%rax
.1:
    popq %rbx
    popq %rbp
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
    callq *_ZN11gmp_context9coroutine10unwind_now17h0ca112f5c8751213E@GOTPCREL(%rip)

gmp_asm_stack:
    pushq %r15
    pushq %r14
    pushq %rbx
    subq $32, %rsp
    movq _ZN11gmp_context6memory5CACHE29_$u7b$$u7b$constant$u7d$$u7d$28_$u7b$$u7b$closure$u7d$$u7d$23__RUST_STD_INTERNAL_VAL17h1eb88b144b48b90dE@GOTTPOFF(%rip), %r14
    movq %fs:0, %rbx
    addq %r14, %rbx
    movzbl %fs:376(%r14), %eax
    cmpl $1, %eax
    je .3
    cmpl $2, %eax
    jne .2
.1:
    leaq 8(%rsp), %rdi
    movl $262144, %esi
    callq *_ZN11gmp_context6memory11PooledStack9from_pool17h287f18940334bed6E@GOTPCREL(%rip)
    cmpb $2, 8(%rsp)
    je .5
    jmp .10
.2:
    leaq _ZN3std3sys12thread_local6native5eager7destroy17h2ab2a475a4cfac19E(%rip), %rsi
    movq %rbx, %rdi
    callq *_RNvNtNtNtNtCsjrHSEGnQ3l9_3std3sys12thread_local11destructors10linux_like8register@GOTPCREL(%rip)
    movb $1, %fs:376(%r14)
.3:
    movq %fs:72(%r14), %rdi
    testq %rdi, %rdi
    je .4
    movq 16(%rdi), %rax
    movq %rax, %fs:72(%r14)
    decl %fs:80(%r14)
    movzbl %fs:376(%r14), %eax
    cmpl $1, %eax
    jne .6
    jmp .9
.4:
    movq %fs:(%r14), %rsi
    leaq 8(%rsp), %rdi
    movl $18, %edx
    callq *_ZN11gmp_context4pool9StackPool8take_new17h939338f17b38381eE@GOTPCREL(%rip)
    movzbl 8(%rsp), %eax
    cmpl $2, %eax
    jne .7
.5:
    movq 16(%rsp), %rdi
    movzbl %fs:376(%r14), %eax
    cmpl $1, %eax
    je .9
.6:
    cmpl $2, %eax
    jne .8
    addq $32, %rsp
    popq %rbx
    popq %r14
    popq %r15
    jmpq *_ZN11gmp_context6memory12give_to_pool17heeff1ef917583b37E@GOTPCREL(%rip)
.7:
    cmpl $3, %eax
    jne .10
    jmp .1
.8:
    movq %rdi, %r15
    leaq _ZN3std3sys12thread_local6native5eager7destroy17h2ab2a475a4cfac19E(%rip), %rsi
    movq %rbx, %rdi
    callq *_RNvNtNtNtNtCsjrHSEGnQ3l9_3std3sys12thread_local11destructors10linux_like8register@GOTPCREL(%rip)
    movb $1, %fs:376(%r14)
    movq %r15, %rdi
.9:
    movl 28(%rdi), %ecx
    leal -14(%rcx), %eax
    cmpl $22, %eax
    ja .12
    shlq $4, %rax
    movl 16(%rbx,%rax), %esi
    movq %rsi, %rdx
    shlq %cl, %rdx
    movq 8(%rbx,%rax), %r8
    movq %rdi, 8(%rbx,%rax)
    movq %r8, 16(%rdi)
    incl 16(%rbx,%rax)
    cmpq $63, %rsi
    ja .11
    cmpq $16777215, %rdx
    ja .11
.10:
    addq $32, %rsp
    popq %rbx
    popq %r14
    popq %r15
    retq
.11:
    movq %fs:0, %rdi
    addq _ZN11gmp_context6memory5CACHE29_$u7b$$u7b$constant$u7d$$u7d$28_$u7b$$u7b$closure$u7d$$u7d$23__RUST_STD_INTERNAL_VAL17h1eb88b144b48b90dE@GOTTPOFF(%rip), %rdi
    movl %ecx, %esi
    addq $32, %rsp
    popq %rbx
    popq %r14
    popq %r15
    jmpq *_ZN11gmp_context5cache10StackCache9give_half17h3ac9fd44e01e4a80E@GOTPCREL(%rip)
.12:
    leaq .Lanon.08f8cf01a04cca841ac23acd4fa4e972.2(%rip), %rdx
    movl $23, %esi
    movq %rax, %rdi
    callq *_RNvNtCsgEmfK2I1SDS_4core9panicking18panic_bounds_check@GOTPCREL(%rip)
