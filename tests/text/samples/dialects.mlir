// One of each: builtin, func, arith, scf, cf, memref, affine, tensor, linalg, tosa, for mlir-opt to print in generic form.
#map = affine_map<(d0, d1) -> (d0, d1)>
#map1 = affine_map<(d0)[s0] -> (d0 * 4 + s0 floordiv 2)>
#set = affine_set<(d0, d1)[s0] : (d0 - 10 >= 0, s0 - d0 - 9 == 0)>
module attributes {test.opaque = #llvm.linkage<internal>} {
  memref.global "private" constant @weights : memref<2x3xf32> = dense<[[1.0, 2.5, -0.0], [1.0e-7, 3.0e38, 0x7F800000]]>
  func.func @structured(%lo: index, %hi: index, %step: index, %m: memref<?x4xf32, strided<[4, 1], offset: ?>>, %v: vector<[4]x8xf32>) -> (f32, index) attributes {llvm.emit_c_interface} {
    %zero = arith.constant 0.0 : f32
    %sum, %last = scf.for %i = %lo to %hi step %step iter_args(%acc = %zero, %prev = %lo) -> (f32, index) {
      %c = arith.cmpi slt, %i, %hi : index
      %r = scf.if %c -> f32 {
        %e = memref.load %m[%i, %lo] : memref<?x4xf32, strided<[4, 1], offset: ?>>
        %s = arith.addf %acc, %e fastmath<contract> : f32
        scf.yield %s : f32
      } else {
        scf.yield %acc : f32
      }
      scf.yield %r, %i : f32, index
    }
    scf.while (%w = %lo) : (index) -> index {
      %c = arith.cmpi ult, %w, %hi : index
      scf.condition(%c) %w : index
    } do {
    ^bb0(%x: index):
      %n = arith.addi %x, %step overflow<nuw> : index
      scf.yield %n : index
    }
    return %sum, %last : f32, index
  }
  func.func @flow(%c: i1, %x: i32) -> i32 {
    cf.cond_br %c, ^left(%x : i32), ^right
  ^left(%y: i32):
    cf.br ^join(%y : i32)
  ^right:
    %z = arith.constant -1 : i32
    cf.br ^join(%z : i32)
  ^join(%j: i32):
    cf.switch %j : i32, [
      default: ^done,
      42: ^left(%j : i32)
    ]
  ^done:
    return %j : i32
  }
  func.func @affine(%A: memref<100x100xf32>, %n: index) {
    affine.for %i = 0 to %n step 2 {
      affine.for %j = max affine_map<(d0) -> (0, d0 - 5)>(%i) to min affine_map<(d0)[s0] -> (s0, d0 + 5)>(%i)[%n] {
        affine.if #set(%i, %j)[%n] {
          %v = affine.load %A[%i + 1, %j mod 7] : memref<100x100xf32>
          affine.store %v, %A[%i, symbol(%n)] : memref<100x100xf32>
        }
      }
    }
    return
  }
  func.func @tensors(%a: tensor<4x?xf32>, %b: tensor<?x8xf32>, %c: tensor<4x8xf32>) -> tensor<4x8xf32> {
    %0 = linalg.matmul ins(%a, %b : tensor<4x?xf32>, tensor<?x8xf32>) outs(%c : tensor<4x8xf32>) -> tensor<4x8xf32>
    %1 = linalg.generic {indexing_maps = [#map, #map], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x8xf32>) outs(%c : tensor<4x8xf32>) {
    ^bb0(%in: f32, %out: f32):
      %m = arith.mulf %in, %out : f32
      linalg.yield %m : f32
    } -> tensor<4x8xf32>
    %2 = tensor.extract_slice %1[0, 0] [2, 4] [1, 2] : tensor<4x8xf32> to tensor<2x4xf32>
    %3 = tensor.insert_slice %2 into %1[1, 1] [2, 4] [1, 1] : tensor<2x4xf32> into tensor<4x8xf32>
    return %3 : tensor<4x8xf32>
  }
  func.func @tosa(%x: tensor<1x8x8x4xi8>, %w: tensor<16x3x3x4xi8>, %b: tensor<16xi32>) -> tensor<1x8x8x16xi32> {
    %0 = tosa.conv2d %x, %w, %b {acc_type = i32, dilation = array<i64: 1, 1>, pad = array<i64: 1, 1, 1, 1>, stride = array<i64: 1, 1>, quantization_info = #tosa.conv_quant<input_zp = -5, weight_zp = 0>} : (tensor<1x8x8x4xi8>, tensor<16x3x3x4xi8>, tensor<16xi32>) -> tensor<1x8x8x16xi32>
    return %0 : tensor<1x8x8x16xi32>
  }
  func.func private @types(complex<f64>, tuple<i32, tensor<2xbf16>>, memref<*xf16, 3>, vector<4x[8]xi1>, !llvm.ptr, () -> (i32, f32), tensor<4x!quant.uniform<i8<-127:127>:f32:0, {0.5, 0.25:3, 1.0, 2.0e-3}>>, none, memref<8xi8, #map1, "flash">)
}
