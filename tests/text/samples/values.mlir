// Every kind of type, attribute and location, in generic form.
#map = affine_map<(d0, d1)[s0] -> (d0 * 2 + s0 - 1, d1 floordiv 3, d0 mod 4, -d0, d0 ceildiv 2)>
!pair = tuple<i32, f32>
"builtin.module"() <{sym_name = "top"}> ({
  "func.func"() <{arg_attrs = [{foo.bar = 1 : i32}, {}], function_type = (i32, index) -> (i32, i32), res_attrs = [{a.b}, {}], sym_name = "f"}> ({
  ^bb0(%arg0: i32 loc("argument"), %arg1: index loc("values.mlir":5:65)):
    %0:2 = "foo.op"(%arg0, %arg1) ({
    ^bb0(%arg2: i32 loc("q":1:1)):
      "foo.br"(%arg2)[^bb1] : (i32) -> () loc(#deep)
    ^bb1:  // pred: ^bb0
      "foo.term"() : () -> () loc("values.mlir":10:7)
    }, {
    }) {k} : (i32, index) -> (i32, i32) loc("foo.x":1:2)
    "foo.pair"(%0#1) {map = #map, pair = !pair} : (i32) -> () loc(unknown)
    "func.return"(%0#0, %0#1) : (i32, i32) -> () loc(fused<"x">["a"("b"), callsite("c":1:1 at "d")])
  }) {z.z = 1 : i64} : () -> ()
}) {t.aa = dense<[true, false]> : tensor<2xi1>, t.b = affine_set<(d0)[s0] : (d0 - 1 >= 0, d0 == 0)>, t.bb = dense<> : tensor<0xi32>,
    t.c = dense<[[1, 2], [3, 4]]> : tensor<2x2xi32>, t.cc = dense<(1.000000e+00,2.000000e+00)> : tensor<2xcomplex<f32>>,
    t.d = dense<"0x01FF"> : tensor<2xi8>, t.dd = 5 : ui8, t.de = -5 : si16, t.e = dense<1.500000e+00> : tensor<2xf32>, t.ee = 200 : i8,
    t.f = array<i32: 1, -2>, t.ff = strided<[2, ?], offset: ?>, t.g = array<i32>, t.gg = distinct[0]<1 : i32>, t.h = 1.000000e+00 : f32,
    t.hh = @"a b"::@c, t.i = 0x7FC00000 : f32, t.ii = 0xFFC0 : bf16, t.j = #dlti.dl_spec<#dlti.dl_entry<i32, 32 : i64>>,
    t.jj = (i32, f32) -> (), t.k, t.kk = vector<[4]x2xi8>, t.ll = tensor<?x2x!quant.uniform<i8:f32:0, {0.5:3, 0.25}>>,
    t.m = "s\22\0A\\x\C3\A9", t.mm = tuple<>, "t.n-b" = -1 : i8, t.nn = memref<2x?xi8, strided<[2, 1]>, "flash">, t.o = #foo.bar<a, "b>", ->, (c)>,
    t.oo = dense<["a", "b"]> : tensor<2x!foo.str>, t.p = !foo.baz<i32>, t.pp = f80, t.qq = complex<f32>, t.r = [1, 2.000000e+00, "a", [], {}],
    t.rr = 0x7FF0000000000000 : f64, t.s = {x = 1 : i64, y, z = {}}, t.ss = 9.9999999999999995E-8 : f64, t.u = dense_resource<blob> : tensor<2xi8>,
    t.uu = #foo.bb, t.vv = !llvm.ptr<3>, t.w = sparse<[[0, 0], [1, 2]], [1, 5]> : tensor<3x4xi32>, t.ww = 12345678901234567890123 : i128,
    t.xx = memref<?xi8, affine_map<(d0)[s0] -> (d0 + s0)>, 2 : i32>, t.y = array<i1: true, false>, t.yy = dense<255> : tensor<2xui8>,
    t.z = array<f32: 1.500000e+00, 0x7FC00000>, t.zz = memref<*xf32, 1>, t.zzz = tensor<*xf8E4M3FN>, t.zzzz = -0.0 : f16} : () -> ()
#deep = loc("late"(#base))
#base = loc("values.mlir":3:4)
{-# dialect_resources: { builtin: { blob: "0x040000000102" } } #-}
