// What is seldom written, for mlir-opt to print in generic form; the common things stand in dialects.mlir.
#as_written = affine_map<(d0, d1)[s0, s1] -> (d0 + d1 + d0, d1 - (d0 + d1), -(d0 - d1), d0 * (s0 + s1 - 20), (d0 * 2) * s1)>
#semi_affine = affine_map<(d0)[s0, s1] -> (d0 floordiv (s0 * 4), d0 mod (s0 - s1), d0 ceildiv s1 + s0 + s0 * 3, s0 * s0)>
#folded = affine_map<(d0, d1)[s0] -> (4 + d0, s0 + d0, d0 - d0, d0 - (d0 floordiv 8) * 8, (d0 * 128 + d1) floordiv 64, (d0 * 6) mod 3, d0 mod 8 mod 4)>
#minimum = affine_map<(d0)[s0] -> (1 + d0, s0 * 2 + d0 * 2)>
#undefined = affine_map<(d0) -> (d0 mod 0, d0 floordiv 0, d0 floordiv -2)>
#many = affine_set<(d0, d1)[s0] : (d0 - d1 + d1 + d0 >= 0, 2 >= 0, -(d0 + d1 + s0) == 0, d0 >= s0, d1 * 3 == d0 - 1)>
!nested = tuple<tuple<>, tuple<i32, tuple<f32>>, (i32) -> (), () -> (() -> i1)>
module @outer attributes {dlti.dl_spec = #dlti.dl_spec<#dlti.dl_entry<i32, dense<32> : vector<2xi64>>>, t.symbols = [@a::@b::@"c d", @"e\22f"], t.unit} {
  module @inner {
    func.func private @declared(i32 {t.a, t.b = "x"}, memref<*xf32, 2>) -> (f32 {t.c = [1, 2]}) attributes {t.d = @outer}
  }
  func.func @integers() {
    "t.i"() {a = 0 : i0, b = -1 : i1, c = true, d = 255 : i8, e = -128 : si8, f = 255 : ui8, g = 170141183460469231731687303715884105727 : i128} : () -> ()
    "t.i"() {a = 0x7FFFFFFFFFFFFFFF, b = -9223372036854775808 : i64, c = 18446744073709551615 : ui64, d = -1 : index, e = 16777215 : i24} : () -> ()
    "t.arrays"() {a = array<i8: -1, 127>, b = array<i1: true, false>, c = array<i24: -3, 7>, d = array<f16: 1.5, 0x7C00>, e = array<i0: 0, 0>, f = array<si16: -5>} : () -> ()
    "t.dense"() {a = dense<[[1, -1], [7, -8]]> : tensor<2x2xi4>, b = dense<"0x0709"> : tensor<2xi4>, c = dense<[true, false, true]> : vector<3xi1>} : () -> ()
    "t.dense"() {a = dense<> : tensor<0x3xi8>, b = dense<[[], []]> : tensor<2x0xf32>, c = dense<3> : tensor<i64>, d = dense<[[[1]], [[2]]]> : tensor<2x1x1xindex>} : () -> ()
    "t.dense"() {a = dense<"0xFF"> : tensor<64xi1>, b = dense<true> : tensor<9xi1>, c = dense<[1, 200]> : tensor<2xui8>, d = dense<0> : tensor<2xi0>, e = dense_resource<blob> : tensor<1xi32>, f = dense_resource<other_blob> : tensor<1xi8>} : () -> ()
    return
  }
  func.func @floats() {
    "t.f"() {a = 1.0e-45 : f32, b = 3.4028235e38 : f32, c = 0x7F800000 : f32, d = 0xFFC00001 : f32, e = -0.0 : f64, f = 0.1, g = 1.0e-310 : f64} : () -> ()
    "t.f"() {a = 0.1 : bf16, b = 65504.0 : f16, c = 0x7E01 : f16, d = 0.3 : tf32, e = 0.1 : f80, f = 0.1 : f128, g = 1.0e+10 : f80} : () -> ()
    "t.f8"() {a = 1.1 : f8E5M2, b = 448.0 : f8E4M3FN, c = 0.3 : f8E4M3, e = 0.3 : f8E5M2FNUZ, f = 240.0 : f8E4M3FNUZ, g = 3.0 : f8E4M3B11FNUZ} : () -> ()
    "t.f8"() {a = dense<[0.5, 1.75]> : tensor<2xf8E4M3FN>, b = dense<"0x7F80"> : tensor<2xf8E5M2>, c = dense<0xFF> : tensor<4xf8E4M3FN>} : () -> ()
    "t.complex"() {a = dense<(1, -2)> : tensor<complex<i8>>, b = dense<[(1.0, 0x7F800000), (0.0, -0.0)]> : tensor<2xcomplex<f32>>} : () -> ()
    "t.sparse"() {a = sparse<[[0, 1], [1, 0]], [1.5, -2.0]> : tensor<2x2xf32>, b = sparse<> : tensor<4xi8>, c = dense<["x", "y\0A"]> : tensor<2x!t.string>} : () -> ()
    return
  }
  func.func @texts() {
    "t.s"() {a = "", b = "\22\\\n\t\00\7F\FF", c = "no escape: {}<>()[]->%^#!@", "quoted name" = 1, "1" = 2, x.y = 3, _z$ = 4} : () -> ()
    "t.s"() {a = #t.body<"}>", {a = [b, (c)]}, a -> b, <x>>, b = #t.bare, c = !t.type<4x!u.v<[1]>, #t.x<{}>>, d = #t.typed<1> : i32, e = distinct[0]<>} : () -> ()
    "t.l"() {a = loc("f.py":3:4), b = loc(fused<"why">["a"("b"), callsite("c" at "d":0:0)]), c = [loc(unknown)], d = {k = loc("n")}} : () -> ()
    return
  }
  func.func @types(%a: !nested, %b: tensor<*xi8>, %c: tensor<0x?x4xcomplex<f64>>, %d: vector<i32>, %e: vector<2x[4]x1xf16>, %f: memref<f32>, %g: none) {
    "t.t"(%a) {m = memref<?x?xf32, strided<[?, -1], offset: ?>>, n = memref<4x4xi8, affine_map<(d0, d1) -> (d1 * 4 + d0)>, 3>, o = strided<[], offset: -1>} : (!nested) -> ()
    "t.t"() {a = tensor<4xf32, "encoding">, b = tensor<2x2xf32, {order = [1, 0]}>, c = memref<2xi8, #gpu.address_space<workgroup>>, d = tensor<4x!llvm.ptr>, e = () -> (i32, i32)} : () -> ()
    "t.q"() {a = !quant.uniform<i8:f32, 1.0e-3:-5>, b = !quant.uniform<u8<1:254>:f32:1, {0.5, 0.25:3}>, c = !quant.uniform<i16:f32, 10702000.0:1>, d = !quant.any<i8<-8:7>:f32>} : () -> ()
    "t.maps"() {a = #as_written, b = #semi_affine, c = #folded, d = #undefined, e = #many, f = affine_map<() -> ()>, g = affine_map<()[s0] -> (s0, 5, -3)>} : () -> ()
    return
  }
  func.func @values(%c: i1) -> (i32, i32) {
    %a:3, %b = "t.many"() : () -> (i32, f32, i32, i1)
    cf.cond_br %c, ^one(%a#0, %a#2 : i32, i32), ^two
  ^one(%x: i32, %y: i32):
    return %x, %y : i32, i32
  ^three:
    "t.regions"() ({
      %0 = "t.graph"(%1) : (i32) -> i32
      %1 = "t.graph"(%0) : (i32) -> i32
    }, {
    ^bb0(%z: i32, %w: !t.a):
      "t.br"(%z)[^bb1, ^bb1] : (i32) -> ()
    ^bb1:
      "t.end"() : () -> ()
    }, {}) {k} : () -> ()
    cf.br ^one(%a#0, %late : i32, i32)
  ^two:
    %late = "t.late"() : () -> i32
    cf.switch %a#0 : i32, [default: ^one(%late, %late : i32, i32), -7: ^three, 12: ^two]
  }
  func.func @properties(%m: memref<8x?xf32>, %i: index, %t: tensor<4x8xi8>, %v: vector<8xf32>, %z: complex<f32>) -> vector<8xf32> {
    %n = index.casts %i : index to i32
    %re = complex.re %z : complex<f32>
    %v0 = memref.subview %m[%i, 0] [2, 4] [1, 2] : memref<8x?xf32> to memref<2x4xf32, strided<[?, 2], offset: ?>>
    %v1 = tensor.collapse_shape %t [[0, 1]] : tensor<4x8xi8> into tensor<32xi8>
    %v2 = tensor.pad %t low[1, %i] high[0, 0] {
    ^bb0(%x: index, %y: index):
      %p = arith.constant -1 : i8
      tensor.yield %p : i8
    } : tensor<4x8xi8> to tensor<5x?xi8>
    %v3 = vector.fma %v, %v, %v : vector<8xf32>
    %power = math.fpowi %re, %n fastmath<nnan,ninf> : f32, i32
    %v4 = vector.contract {indexing_maps = [affine_map<(i) -> (i)>, affine_map<(i) -> (i)>, affine_map<(i) -> ()>], iterator_types = ["reduction"], kind = #vector.kind<maxnumf>} %v, %v3, %power : vector<8xf32>, vector<8xf32> into f32
    %v8 = arith.addi %n, %n overflow<nsw, nuw> : i32
    %v9 = affine.min #minimum(%i)[%i]
    affine.parallel (%a, %b) = (0, %i) to (10, %i + 4) step (1, 2) {
      affine.if affine_set<(d0) : (d0 - 1 >= 0)>(%a) {
        affine.store %re, %m[%a + 1, symbol(%i) * 2] : memref<8x?xf32>
      }
    }
    %v10 = tosa.rescale %t {double_round = false, input_zp = 127 : i32, multiplier = array<i32: 1073741824>, output_zp = -1 : i32, per_channel = false, scale32 = true, shift = array<i8: 30>} : (tensor<4x8xi8>) -> tensor<4x8xi8>
    %v11 = vector.shuffle %v, %v3 [0, 8, 1, 9, 2, 10, 3, 11] : vector<8xf32>, vector<8xf32>
    return %v11 : vector<8xf32>
  }
  func.func @apart(%a: i32) -> i32 attributes {no_inline} {
    return %a : i32
  }
}
{-#
  dialect_resources: {
    builtin: {
      blob: "0x0800000001000000",
      other_blob: "0x04000000FF"
    }
  },
  external_resources: {
    a_tool: {
      flag: true,
      text: "a \"quoted\" word"
    }
  }
#-}
