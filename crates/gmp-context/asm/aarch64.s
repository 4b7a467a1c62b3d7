# rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)
# `cargo xtask asm --bless` writes this file.

gmp_context_start:
    hint #36
    ldr x16, [sp, #8]
    add sp, sp, #32
    mov x29, xzr
    adr x30, .1
    br x16
.1:
    brk #0x1

gmp_context_call_on:
    hint #34
    stp x29, x30, [sp, #-16]!
    mov x29, sp
    mov sp, x2
    __morestack:
    blr x1
    mov sp, x29
    ldp x29, x30, [sp], #16
    ret

gmp_asm_switch:
    stp d15, d14, [sp, #-160]!
    stp d13, d12, [sp, #16]
    stp d11, d10, [sp, #32]
    stp d9, d8, [sp, #48]
    stp x29, x30, [sp, #64]
    stp x28, x27, [sp, #80]
    stp x26, x25, [sp, #96]
    stp x24, x23, [sp, #112]
    stp x22, x21, [sp, #128]
    stp x20, x19, [sp, #144]
    add x29, sp, #64
    mov x4, x0
    adr x16, .1
    stp x16, x19, [sp, #-32]!
    str x29, [sp, #16]
    mov x0, sp
    mov sp, x4
    ldr x16, [sp]
    br x16
.1:
    hint #36
    ldr x29, [sp, #16]
    ldr x19, [sp, #8]
    add sp, sp, #32
    mov x19, x3
    mov x8, x1
    mov x1, x2
    blr x8
    mov x0, x19
    ldp x20, x19, [sp, #144]
    ldp x22, x21, [sp, #128]
    ldp x24, x23, [sp, #112]
    ldp x26, x25, [sp, #96]
    ldp x28, x27, [sp, #80]
    ldp x29, x30, [sp, #64]
    ldp d9, d8, [sp, #48]
    ldp d11, d10, [sp, #32]
    ldp d13, d12, [sp, #16]
    ldp d15, d14, [sp], #160
    ret

gmp_asm_resume:
    sub sp, sp, #176
    stp d15, d14, [sp, #16]
    stp d13, d12, [sp, #32]
    stp d11, d10, [sp, #48]
    stp d9, d8, [sp, #64]
    stp x29, x30, [sp, #80]
    stp x28, x27, [sp, #96]
    stp x26, x25, [sp, #112]
    stp x24, x23, [sp, #128]
    stp x22, x21, [sp, #144]
    stp x20, x19, [sp, #160]
    add x29, sp, #80
    ldr x4, [x0, #8]
    str xzr, [x0, #8]
    cbz x4, .4
    mov x19, x0
    str x1, [sp, #8]
    ldr x2, [x0, #16]
    adrp x1, _ZN11gmp_context7context9no_commitE
    add x1, x1, :lo12:_ZN11gmp_context7context9no_commitE
    add x3, sp, #8
    adr x16, .1
    stp x16, x19, [sp, #-32]!
    str x29, [sp, #16]
    mov x0, sp
    mov sp, x4
    ldr x16, [sp]
    br x16
.1:
    hint #36
    ldr x29, [sp, #16]
    ldr x19, [sp, #8]
    add sp, sp, #32
    cbz x2, .2
    ldr x0, [x3]
    cbnz x0, .5
    mov x8, xzr
    b .3
.2:
    ldr x8, [x3]
    str x0, [x19, #8]
.3:
    mov x0, x8
    ldp x20, x19, [sp, #160]
    ldp x22, x21, [sp, #144]
    ldp x24, x23, [sp, #128]
    ldp x26, x25, [sp, #112]
    ldp x28, x27, [sp, #96]
    ldp x29, x30, [sp, #80]
    ldp d9, d8, [sp, #64]
    ldp d11, d10, [sp, #48]
    ldp d13, d12, [sp, #32]
    ldp d15, d14, [sp, #16]
    add sp, sp, #176
    ret
.4:
    bl _ZN11gmp_context9coroutine17resumed_after_endE
.5:
    ldr x1, [x3, #8]
    bl _RNvNt_3std5panic13resume_unwind

gmp_asm_suspend:
    sub sp, sp, #176
    stp d15, d14, [sp, #16]
    stp d13, d12, [sp, #32]
    stp d11, d10, [sp, #48]
    stp d9, d8, [sp, #64]
    stp x29, x30, [sp, #80]
    stp x28, x27, [sp, #96]
    stp x26, x25, [sp, #112]
    stp x24, x23, [sp, #128]
    stp x22, x21, [sp, #144]
    stp x20, x19, [sp, #160]
    add x29, sp, #80
    mov x19, x0
    add x3, sp, #8
    ldr x4, [x0]
    str x1, [sp, #8]
    adrp x1, _ZN11gmp_context7context9no_commitE
    add x1, x1, :lo12:_ZN11gmp_context7context9no_commitE
    mov x2, xzr
    adr x16, .1
    stp x16, x19, [sp, #-32]!
    str x29, [sp, #16]
    mov x0, sp
    mov sp, x4
    ldr x16, [sp]
    br x16
.1:
    hint #36
    ldr x29, [sp, #16]
    ldr x19, [sp, #8]
    add sp, sp, #32
    str x0, [x19]
    cbz x3, .2
    ldr x0, [x3]
    ldp x20, x19, [sp, #160]
    ldp x22, x21, [sp, #144]
    ldp x24, x23, [sp, #128]
    ldp x26, x25, [sp, #112]
    ldp x28, x27, [sp, #96]
    ldp x29, x30, [sp, #80]
    ldp d9, d8, [sp, #64]
    ldp d11, d10, [sp, #48]
    ldp d13, d12, [sp, #32]
    ldp d15, d14, [sp, #16]
    add sp, sp, #176
    ret
.2:
    bl _ZN11gmp_context9coroutine10unwind_nowE
